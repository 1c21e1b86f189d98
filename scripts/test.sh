#!/usr/bin/env bash
# Sets everything up, checks format and lint, and runs the tests.
#
#   scripts/test.sh [--all] [words for pytest ...]
#
# Several at a time; --all adds, one after the other, the tests that start real clusters of
# processes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

all=
if [ "${1:-}" = --all ]; then
  all=yes
  shift
fi
.venv/bin/ruff format --check .
.venv/bin/ruff check .

none=5 # Pytest's status when nothing was selected.
result=$none
tests() {
  local status=0
  .venv/bin/python -m pytest "$@" || status=$?
  if [ "$status" != "$none" ] && [ "$result" = "$none" -o "$result" = 0 ]; then
    result=$status
  fi
}
tests -n "$(($(nproc) < 4 ? $(nproc) : 4))" -m 'not cluster' "$@"
if [ "$all" ]; then
  tests -m cluster "$@"
fi
exit "$result"
