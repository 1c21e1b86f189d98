#!/usr/bin/env bash
# Makes .venv with the package and all it needs, once; sourced by the two commands.
# PYTHON names another interpreter (3.11 to 3.13) than python3.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${PYTHON:-python3}
# What pyproject.toml requires, said before pip says it in its own words.
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
  2>/dev/null; then
  found=$("$python" --version 2>/dev/null) || found='which does not run'
  echo "error: $python ($found) is not Python 3.11, 3.12 or 3.13: set PYTHON to one that is" >&2
  exit 2
fi
# What the installation depends on; a change installs anew.
stamp=$(cat pyproject.toml constraints.txt | sha256sum)
if [ "$(cat .venv/installed 2>/dev/null)" != "$stamp" ]; then
  echo "Setting up .venv (a minute or two, once) ..."
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear .venv || {
      echo "error: $python -m venv failed: install it (Debian: apt install python3-venv)" >&2
      exit 2
    }
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -c constraints.txt -e '.[docs,plots,speech,test]' || {
    echo "error: pip could not install the package; see above" >&2
    exit 2
  }
  echo "$stamp" > .venv/installed
fi
