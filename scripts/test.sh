#!/usr/bin/env bash
# Sets everything up, checks format, lint, imports and types, and runs the tests.
#
#   scripts/test.sh [--all] [words for pytest ...]
#
# Several at a time, and then one by one those that measure time. --all adds the tests that
# start real clusters of processes, and the slowest of the others.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

all=
if [ "${1:-}" = --all ]; then
  all=yes
  shift
fi
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/lint-imports --no-logo # The ladder of imports, see pyproject.toml.
.venv/bin/mypy

none=5 # Pytest's status when nothing was selected.
result=$none
tests() {
  local status=0
  .venv/bin/python -m pytest "$@" || status=$?
  if [ "$status" != "$none" ] && [ "$result" = "$none" -o "$result" = 0 ]; then
    result=$status
  fi
}
# One more than there are processors: tests wait for what sleeps, or for each other's.
at_a_time=$(($(nproc) < 4 ? $(nproc) + 1 : 4))
which='not cluster and not slow'
[ -z "$all" ] || which="$which or cluster or slow"
tests -n "$at_a_time" --dist worksteal -m "($which) and not alone" "$@"
tests -m "($which) and alone" "$@"
exit "$result"
