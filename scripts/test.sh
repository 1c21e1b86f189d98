#!/usr/bin/env bash
# Sets everything up, checks format and lint, and runs the tests.
#
#   scripts/test.sh [--all] [words for pytest ...]
#
# --all adds the tests that start real clusters of processes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

selection=(-m 'not cluster')
if [ "${1:-}" = --all ]; then
  selection=()
  shift
fi
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/python -m pytest "${selection[@]}" "$@"
