#!/usr/bin/env bash
# Sets everything up and trains the acoustic network by Downpour SGD on embedded data.
#
#   scripts/quickstart.sh [--config.FIELD=VALUE ...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

workdir=runs/quickstart-$(date -u +%Y%m%d-%H%M%S)
echo "Downpour SGD: 4 model replicas, 2 parameter server shards, Adagrad, warm start."
.venv/bin/python scripts/train.py --config=configs/quickstart.py --workdir="$workdir" "$@"
echo
echo "The run is in $workdir (its files: see README.md). To look at it:"
echo "  .venv/bin/tensorboard --logdir=runs"
