#!/usr/bin/env bash
# Sets everything up, then trains on embedded data by Downpour SGD and synchronously, on
# four equal machines and with one of them four times slower, and compares: 4 minutes.
#
#   scripts/quickstart.sh [--config.FIELD=VALUE ...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

folder=runs/quickstart-$(date -u +%Y%m%d-%H%M%S)
declare -A factors=([equal]='(1, 1, 1, 1)' [slow]='(1, 1, 1, 4)')
for machines in equal slow; do
  for algorithm in downpour synchronous; do
    echo
    echo "== $algorithm, machines ${factors[$machines]}"
    .venv/bin/python scripts/train.py --config=configs/quickstart.py \
      --workdir="$folder/$algorithm-$machines" --config.algorithm="$algorithm" \
      --config.cluster.slowdown="${factors[$machines]}" "$@"
  done
done
echo
.venv/bin/python scripts/compare.py \
  "$folder"/{downpour-equal,synchronous-equal,downpour-slow,synchronous-slow}
echo
echo "The runs are in $folder (their files: see README.md). To look at all four:"
echo "  .venv/bin/tensorboard --logdir=$folder"
