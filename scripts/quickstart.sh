#!/usr/bin/env bash
# Sets everything up, then trains on embedded data by Downpour SGD and synchronously, on
# four equal machines and with one of them four times slower, and compares them on one
# page, report.html: 4 minutes.
#
#   scripts/quickstart.sh [--config.FIELD=VALUE ...]
set -euo pipefail
case "${1-}" in
  -h | --help)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit
    ;;
esac
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

folder=runs/quickstart-$(date -u +%Y%m%d-%H%M%S)
runs=({downpour,synchronous}-equal {downpour,synchronous}-slow)
train() { # RUN and words for scripts/train.py
  local run=$1 own=(--config=configs/quickstart.py)
  shift
  [ "${run#*-}" = equal ] || own+=('--config.cluster.slowdown=(1, 1, 1, 4)')
  .venv/bin/python scripts/train.py "${own[@]}" "$@" \
    --config.algorithm="${run%-*}" --workdir="$folder/$run"
}
for run in "${runs[@]}"; do
  train "$run" --print_config "$@" > /dev/null # Refused now, or not at all.
done
for run in "${runs[@]}"; do
  echo
  echo "== ${run%-*}, 4 machines, ${run#*-}"
  train "$run" "$@"
done
echo
.venv/bin/python scripts/compare.py "${runs[@]/#/$folder/}"
echo
names=$(printf ",$folder/%s" "${runs[@]}")
.venv/bin/python scripts/report.py --runs="${names:1}"
echo "The runs are in $folder (their files: see docs/reference/run-directory.md). To look at all four:"
echo "  .venv/bin/tensorboard --logdir=$folder"
