"""Where a run's numbers came from."""

import datetime
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from distbelief.telemetry import provenance

ORIGIN = provenance.Invocation(['train.py', '--config=x.py'], 1_700_000_000.5)


def test_all_of_it_fits_into_json_and_names_the_machine():
  found = json.loads(json.dumps(provenance.collect(ORIGIN), allow_nan=False))
  assert found['command'] == ['train.py', '--config=x.py']
  started = datetime.datetime.fromisoformat(found['started'])
  assert started == datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC)
  assert found['host'] and found['processor'] and found['system'].startswith('Linux')
  assert found['processors'] == os.cpu_count()
  assert found['memory_bytes'] > 2**28
  assert found['python'] == '.'.join(map(str, sys.version_info[:3]))
  assert found['packages']['tensorflow'] == tf.__version__
  assert {'keras', 'numpy', 'distbelief'} <= found['packages'].keys()


def test_settings_are_those_that_tensorflow_and_the_libraries_below_it_read(monkeypatch):
  for name in list(os.environ):
    monkeypatch.delenv(name)
  read = {'TF_ENABLE_ONEDNN_OPTS': '0', 'GRPC_FAIL_FAST': 'use_caller'}
  read |= {'MALLOC_TRIM_THRESHOLD_': '1', 'OMP_NUM_THREADS': '2'}
  others = ('TF_CONFIG', 'TF_CLI_CONFIG_FILE', 'TF_DATA', 'MY_TF_USE_X', 'SECRET')
  others += ('GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',)
  for name, value in (read | dict.fromkeys(others, '1')).items():
    monkeypatch.setenv(name, value)
  assert provenance.collect(ORIGIN)['settings'] == read


def test_a_process_knows_when_it_was_started():
  program = (
    'import json\n'
    'from distbelief.telemetry import provenance\n'
    'print(json.dumps(provenance.Invocation.of_this_process()))'
  )
  before = time.time()
  result = subprocess.run(
    [sys.executable, '-c', program, 'word'], capture_output=True, text=True, check=True
  )
  command, started = json.loads(result.stdout)
  assert command == ['-c', 'word']
  # Clock ticks are 10 ms; and it started before it had loaded what it runs.
  assert before - 0.1 < started < time.time() - 0.01


@pytest.fixture
def checkout(tmp_path):
  """A git checkout that has the module, committed, where the package has it."""
  path = tmp_path / 'distbelief' / 'telemetry' / 'provenance.py'
  path.parent.mkdir(parents=True)
  shutil.copy(provenance.__file__, path)
  git(tmp_path, 'init', '--quiet')
  git(tmp_path, 'add', '.')
  git(tmp_path, 'commit', '--quiet', '--message=first')
  return tmp_path


def git(checkout, *words):
  who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com']
  result = subprocess.run(
    ['git', *who, *words], cwd=checkout, capture_output=True, text=True, check=True
  )
  return result.stdout.strip()


def collected_in(checkout):
  path = checkout / 'distbelief' / 'telemetry' / 'provenance.py'
  spec = importlib.util.spec_from_file_location('provenance_elsewhere', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  shutil.rmtree(path.parent / '__pycache__', ignore_errors=True)
  return module.collect(ORIGIN)['git']


def test_the_commit_and_whether_it_is_all(checkout):
  commit = git(checkout, 'rev-parse', 'HEAD')
  assert collected_in(checkout) == {'commit': commit, 'clean': True}
  (checkout / 'new_rule.py').touch()
  assert collected_in(checkout) == {'commit': commit, 'clean': False}


def test_code_installed_into_somebody_elses_checkout_has_no_commit(checkout):
  git(checkout, 'rm', '--cached', '--quiet', 'distbelief/telemetry/provenance.py')
  assert collected_in(checkout) is None


def test_code_outside_a_checkout_has_no_commit(checkout):
  shutil.rmtree(checkout / '.git')
  assert collected_in(checkout) is None
