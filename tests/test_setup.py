"""scripts/setup.sh and the package's metadata: which Pythons will do."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

from tests.runs import ROOT


def interpreter(folder, version):
  """As if it were a Python of that version, whose checks are made by ours."""
  path = folder / 'python'
  path.write_text(
    '#!/bin/bash\n'
    f'if [ "$1" = --version ]; then echo "Python {version}"; exit; fi\n'
    f'numbers="({version.replace(".", ", ")}, \'final\', 0)"\n'
    f'exec {sys.executable} -c '
    '"import sys; sys.version_info = $numbers; ${2#import sys; }"\n'
  )
  path.chmod(0o755)
  return path


def setup(folder, python):
  """Runs the set-up of a checkout that holds nothing to install."""
  (folder / 'scripts').mkdir(exist_ok=True)
  script = folder / 'scripts' / 'setup.sh'
  script.write_text((ROOT / 'scripts' / 'setup.sh').read_text())
  return subprocess.run(
    ['bash', script],
    env={**os.environ, 'PYTHON': str(python)},
    capture_output=True,
    text=True,
    timeout=60,
  )


@pytest.mark.parametrize('version', ['3.9.18', '3.10.13', '3.14.0'])
def test_other_pythons_are_refused_in_one_line(tmp_path, version):
  found = setup(tmp_path, interpreter(tmp_path, version))
  assert (found.returncode, found.stdout) == (2, '')
  assert re.fullmatch(
    rf'error: \S+ \(Python {re.escape(version)}\) is not Python 3\.11, 3\.12 or 3\.13: '
    r'set PYTHON to one that is\n',
    found.stderr,
  )
  assert not (tmp_path / '.venv').exists()


def test_a_python_that_is_not_there_is_refused_in_one_line(tmp_path):
  found = setup(tmp_path, 'nosuchpython')
  assert found.returncode == 2 and found.stderr.count('\n') == 1
  assert found.stderr.startswith('error: nosuchpython (which does not run) is not')


@pytest.mark.parametrize('version', ['3.11.7', '3.12.1', '3.13.0'])
def test_ours_are_not(tmp_path, version):
  found = setup(tmp_path, interpreter(tmp_path, version))
  assert 'is not Python' not in found.stderr


def test_the_metadata_say_the_same():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  assert project['requires-python'] == '>=3.11,<3.14'
  versions = {c.rpartition(' ')[2] for c in project['classifiers'] if ':: 3.' in c}
  assert versions == {'3.11', '3.12', '3.13'}
