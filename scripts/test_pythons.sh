#!/usr/bin/env bash
# Runs the quick tests on each Python that the package promises; before a release.
#
#   scripts/test_pythons.sh [words for pytest ...]
#
# Interpreters are those under pyenv (PYENV_ROOT, ~/.pyenv), the newest of each minor
# version. Each is set up in a clone of its own of the last commit, in a temporary folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

failed=()
for minor in 3.11 3.12 3.13; do
  python=$(ls -d "$versions/$minor".*/bin/python 2>/dev/null | sort -V | tail -n 1) || true
  if [ -z "$python" ]; then
    echo "== Python $minor: none in $versions"
    failed+=("$minor (missing)")
    continue
  fi
  echo "== $("$python" --version)"
  git clone --quiet . "$folder/$minor"
  PYTHON=$python "$folder/$minor/scripts/test.sh" "$@" || failed+=("$minor")
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "error: not passed on Python ${failed[*]}" >&2
  exit 1
fi
