"""What a launched task finds, and what the launcher says; endings: test_teardown.py."""

import io
import json
import os
import signal
import tempfile
import types

import pytest

from distbelief import config as configs
from distbelief import errors
from distbelief.cluster.launch import environment, local
from distbelief.rundir import task_failures
from distbelief.telemetry import provenance


@pytest.fixture
def launch(tmp_path, monkeypatch):
  """Launches fake_run's tasks in this process; returns the status and the screen."""
  monkeypatch.syspath_prepend(os.path.dirname(__file__))

  def run(orders, body='fake_run:body'):
    monkeypatch.setenv('FAKE_ORDERS', json.dumps(orders))
    screen = io.StringIO()
    config, origin = configs.default_config(), provenance.Invocation([], 0.0)
    status = local.launch(config, str(tmp_path), origin, body, 'fake_run:check', screen)
    return status, screen.getvalue()

  return run


def told_by(workdir, job):
  """Returns what task 0 of a job has logged of itself."""
  return json.loads((workdir / 'logs' / f'{job}-0.log').read_text().splitlines()[1])


def test_the_processes_are_named_after_their_tasks(launch, tmp_path):
  assert launch({'chief 0': 'finish'})[0] == errors.DONE
  names = {'chief': 'chief', 'worker': 'replica-0', 'ps': 'ps-0'}
  assert names == {job: told_by(tmp_path, job)['comm'] for job in names}


def test_a_task_has_the_settings_of_a_local_cluster(launch, monkeypatch, tmp_path):
  monkeypatch.setenv('http_proxy', 'http://proxy.invalid:3128')
  monkeypatch.setenv('no_proxy', 'intranet')
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '3')
  assert launch({'chief 0': 'finish'})[0] == errors.DONE
  environ = told_by(tmp_path, 'ps')
  assert environ['GRPC_FAIL_FAST'] == 'use_caller'
  assert environ['MALLOC_MMAP_THRESHOLD_'] == '33554432'
  assert environ['TF_CPP_MIN_LOG_LEVEL'] == '3'
  assert environ['http_proxy'] == 'http://proxy.invalid:3128'
  assert environ['no_proxy'] == environ['NO_PROXY'] == 'intranet,localhost,127.0.0.1'
  assert environ['TMPDIR'].startswith(tempfile.gettempdir())
  assert not os.path.exists(environ['TMPDIR'])


def test_grpcs_own_list_is_extended_where_it_is_set():
  environ = {'no_grpc_proxy': 'a', 'no_proxy': 'b', 'NO_PROXY': 'b'}
  assert environment.without_proxy(environ, ['host1', 'b']) == dict.fromkeys(
    ['no_proxy', 'NO_PROXY', 'no_grpc_proxy'], 'b,a,host1'
  )


def test_the_callers_signal_handlers_are_put_back(launch):
  before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
  assert launch({'chief 0': 'finish'})[0] == errors.DONE
  assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def test_tasks_that_cannot_be_imported_are_told(launch):
  status, screen = launch({}, body='no_such_module:run')
  assert status == errors.FAILED
  assert "ModuleNotFoundError: No module named 'no_such_module'" in screen


def test_the_earliest_failure_is_the_cause(tmp_path):
  for job, time in ('chief', 12.0), ('ps', 10.0), ('worker', 11.0):
    task_failures.TaskFailure(job, 0, time, 'exit', 1, 'ended').write(str(tmp_path))
  assert task_failures.earliest(str(tmp_path)).job == 'ps'
  task_failures.forget(str(tmp_path))
  assert task_failures.earliest(str(tmp_path)) is None


@pytest.mark.parametrize(
  ('error', 'reason'),
  [
    (ArithmeticError('a loss of NaN'), 'ArithmeticError: a loss of NaN'),
    (ArithmeticError('\n a loss\nof NaN'), 'ArithmeticError: a loss of NaN'),
    (ArithmeticError(), 'ArithmeticError'),
    (ArithmeticError('\n'), 'ArithmeticError'),
    (errors.UserError('seed (-1) must be at least 0'), 'seed (-1) must be at least 0'),
    (errors.UserError('\nin use\n'), 'in use'),
    (errors.UserError(), 'UserError'),
  ],
)
def test_the_reason_is_one_line_and_never_empty(error, reason):
  assert task_failures.TaskFailure.from_exception('ps', 0, error).reason == reason


def test_only_the_end_of_a_log_is_shown(tmp_path):
  lines = [f'line {i} \N{SNOWMAN}' for i in range(100_000)]
  (tmp_path / 'ps-1.log').write_text('\n'.join(lines))
  failure = task_failures.TaskFailure.from_status('ps', 1, -signal.SIGSEGV)
  shown = failure.describe(str(tmp_path)).splitlines()
  assert shown[0].startswith('error: ps 1 was killed by signal 11 (SIGSEGV); the same')
  assert shown[2:] == [f'  {line}' for line in lines[-10:]]


@pytest.mark.parametrize(
  ('signals', 'done'),
  [
    ([signal.SIGTERM], ['stop']),
    ([signal.SIGTERM, signal.SIGTERM], ['stop', 'kill']),
    ([errors.CALLER_IS_GONE], ['stop']),
    # A batch system signals the caller as well, which dies of it.
    ([signal.SIGTERM, errors.CALLER_IS_GONE], ['stop']),
    ([errors.CALLER_IS_GONE, signal.SIGTERM], ['stop', 'kill']),
  ],
)
def test_which_signal_is_a_second_one(signals, done):
  found = []
  tasks = types.SimpleNamespace(
    stop=lambda: found.append('stop'), kill=lambda: found.append('kill')
  )
  with local._Stop() as stop:
    stop.call(tasks)
    for number in signals:
      os.kill(os.getpid(), number)
  assert found == done
