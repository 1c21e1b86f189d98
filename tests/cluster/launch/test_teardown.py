"""However a run ends, it says why, and nothing of it stays."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest

from distbelief import errors

_REPOSITORY = pathlib.Path(__file__).parents[3]
_FAKE_RUN = pathlib.Path(__file__).with_name('fake_run.py')
_PATIENCE = (
  120.0  # Seconds; everything takes less than one, but for importing TensorFlow.
)


def eventually(condition):
  deadline = time.monotonic() + _PATIENCE
  while not (result := condition()):
    assert time.monotonic() < deadline, 'timed out'
    time.sleep(0.005)
  return result


class Run:
  """A launcher in a process of its own (fake_run.py)."""

  def __init__(self, folder, orders, environ=None):
    self.workdir = folder / 'run'
    self._temporary = folder / 'tmp'
    self._temporary.mkdir(parents=True)
    self._marker = f'FAKE_RUN_ID={uuid.uuid4()}'
    name, value = self._marker.split('=')
    self._screen = folder / 'screen'
    with self._screen.open('w') as screen:
      self.launcher = subprocess.Popen(
        [sys.executable, _FAKE_RUN, self.workdir],
        stderr=screen,
        env=os.environ
        | {
          'PYTHONPATH': os.pathsep.join([str(_REPOSITORY), *sys.path]),
          'TMPDIR': str(self._temporary),
          'FAKE_ORDERS': json.dumps(orders),
          name: value,
        }
        | (environ or {}),
      )

  @property
  def screen(self):
    return self._screen.read_text()

  def log(self, task):
    return (self.workdir / 'logs' / f'{task}.log').read_text()

  def pid(self, task, life=1):
    """Waits for a task's life-th process and returns its id."""

    def pids():
      up = self.workdir / f'{task}.up'
      return up.read_text().splitlines() if up.exists() else []

    eventually(lambda: len(pids()) >= life)
    return int(pids()[life - 1])

  def all_up(self):
    eventually(lambda: (self.workdir / 'logs' / 'chief-0.log').exists())
    eventually(lambda: 'chief 0 acts' in self.log('chief-0'))
    return self

  def ports(self):
    cluster = json.loads((self.workdir / 'cluster.json').read_text())
    return [int(a.split(':')[1]) for addresses in cluster.values() for a in addresses]

  def parent(self, pid):
    status = pathlib.Path(f'/proc/{pid}/stat').read_text()
    return int(status.rpartition(')')[2].split()[1])

  def processes(self):
    found = []
    for environ in pathlib.Path('/proc').glob('[0-9]*/environ'):
      try:
        if self._marker.encode() in environ.read_bytes().split(b'\0'):
          found.append(int(environ.parent.name))
      except OSError:  # It has ended, or is not ours.
        pass
    return found

  def end(self):
    """Waits for the launcher and returns its status; nothing may be left."""
    status = self.launcher.wait(_PATIENCE)
    assert self.processes() == []
    self.assert_nothing_left()
    return status

  def assert_nothing_left(self):
    eventually(lambda: not self.processes())
    # A process that is just becoming another program has no environment to be known by.
    eventually(lambda: not list(self._temporary.iterdir()))
    eventually(lambda: not self.processes())
    for port in self.ports() if (self.workdir / 'cluster.json').exists() else []:
      with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(('', port))


@pytest.fixture
def start(tmp_path):
  runs = []

  def start_run(orders, **environ):
    runs.append(Run(tmp_path / str(len(runs)), orders, environ))
    return runs[-1]

  yield start_run
  for run in runs:
    for pid in run.processes():
      os.kill(pid, signal.SIGKILL)


def test_the_chief_ends_the_run(start):
  run = start({'chief 0': 'finish'})
  assert run.end() == errors.DONE
  assert run.screen.endswith('1/2 steps, loss 0.5000\n')
  assert not list(run.workdir.glob('logs/*.error.json'))


@pytest.mark.parametrize('task', ['chief', 'worker', 'ps'])
def test_an_exception_ends_the_run_and_is_shown(start, task):
  run = start({f'{task} 0': 'raise'})
  assert run.end() == errors.FAILED
  assert f'error: {task} 0 ArithmeticError: a loss of NaN\n' in run.screen
  assert f'{task}-0.log, ends with:' in run.screen
  assert 'Traceback' in run.log(f'{task}-0')
  error = json.loads((run.workdir / 'logs' / f'{task}-0.error.json').read_text())
  assert 'Traceback' in error['traceback']
  assert error['status'] == errors.FAILED
  assert abs(time.time() - error['time']) < _PATIENCE


def test_what_the_user_can_change_is_told_in_one_line(start):
  run = start({'chief 0': 'refuse'})
  assert run.end() == errors.BAD_INPUT
  assert run.screen.endswith('\nerror: config.seed (-1) must be at least 0\n')


def test_the_status_that_the_chief_chooses_is_the_launchers(start):
  run = start({'chief 0': 'exit'})
  assert run.end() == 7
  assert 'error: chief 0 ended with status 7' in run.screen


@pytest.mark.parametrize('order, status', [('refuse', 2), ('raise', 1), ('exit', 7)])
def test_a_failed_check_lets_no_task_begin(start, order, status):
  run = start({'check 0': order})
  assert run.end() == status
  # The chief, which writes it, may have been starting, or waited for the check.
  assert not (run.workdir / 'cluster.json').exists()
  failed = [path.name for path in run.workdir.glob('logs/*.error.json')]
  assert failed == ['check-0.error.json']
  assert 'error: ' in run.screen


def test_the_next_run_forgets_the_last_failure(tmp_path):
  # The chief fails when all are up: another's failure might end it before its first line.
  assert Run(tmp_path / 'first', {'chief 0': 'raise'}).end() == errors.FAILED
  (tmp_path / 'second').mkdir()
  (tmp_path / 'first' / 'run').rename(tmp_path / 'second' / 'run')
  for up in (tmp_path / 'second' / 'run').glob('*.up'):
    up.unlink()
  run = Run(tmp_path / 'second', {'chief 0': 'finish'})
  assert run.end() == errors.DONE
  assert run.log('chief-0').count('--- chief 0, process') == 2


def test_a_killed_worker_starts_again_three_times(start):
  run = start({}).all_up()
  for life in 1, 2, 3:
    os.kill(run.pid('worker-1', life), signal.SIGKILL)
    run.pid('worker-1', life + 1)
    line = f'worker 1 was killed by signal 9 (SIGKILL); started again ({life} of 3), '
    eventually(lambda line=line: line in run.screen)
  assert run.launcher.poll() is None
  os.kill(run.pid('worker-1', 4), signal.SIGKILL)
  assert run.end() == errors.LOST_PEER
  assert 'error: worker 1 was killed by signal 9 (SIGKILL); the same' in run.screen


@pytest.mark.parametrize('task', ['chief', 'ps'])
def test_kill_9_of_a_task_that_cannot_start_again(start, task):
  run = start({}).all_up()
  os.kill(run.pid(f'{task}-0'), signal.SIGKILL)
  assert run.end() == errors.LOST_PEER
  assert (
    f'error: {task} 0 was killed by signal 9 (SIGKILL); the same command resumes'
    in run.screen
  )


def test_who_notices_a_loss_before_the_launcher_is_not_the_cause(start):
  run = start({'chief 0': 'lose a peer', 'ps 0': 'die after the chief'})
  assert run.end() == errors.LOST_PEER
  assert 'error: ps 0 was killed by signal 9 (SIGKILL); the same' in run.screen


def test_a_loss_that_nothing_explains_is_told(start):
  run = start({'chief 0': 'lose a peer'})
  assert run.end() == errors.LOST_PEER
  assert run.screen.endswith('\nerror: ps 0 does not answer\n')


@pytest.mark.parametrize('chief', ['hang', 'ignore SIGTERM'])
def test_kill_9_of_the_launcher(start, chief):
  run = start({'chief 0': chief}).all_up()
  run.launcher.kill()
  run.launcher.wait()
  run.assert_nothing_left()


def test_kill_9_of_the_launcher_before_there_is_a_task(start):
  run = start({})
  eventually(lambda: len(run.processes()) == 2)
  run.launcher.kill()
  run.launcher.wait()
  run.assert_nothing_left()


def test_kill_9_of_the_supervisor(start):
  run = start({}).all_up()
  os.kill(run.parent(run.pid('chief-0')), signal.SIGKILL)
  assert run.end() == errors.LOST_PEER
  assert 'killed by signal 9 (SIGKILL); the same command resumes' in run.screen


@pytest.mark.parametrize(
  'number, status',
  [(signal.SIGINT, errors.INTERRUPTED), (signal.SIGTERM, errors.TERMINATED)],
)
def test_stopping_leaves_the_chief_time_for_a_checkpoint(start, number, status):
  run = start({'chief 0': 'checkpoint'}).all_up()
  run.launcher.send_signal(number)
  assert run.end() == status
  assert 'checkpoint written' in run.log('chief-0')
  assert f'stopped by signal {number} ({number.name}); the same' in run.screen


def test_a_chief_that_does_not_stop_is_killed(start):
  run = start({'chief 0': 'ignore SIGTERM'}, FAKE_STOP_SECONDS='0.2').all_up()
  run.launcher.send_signal(signal.SIGINT)
  assert run.end() == errors.INTERRUPTED
  assert 'chief 0 did not stop within 0.2 s: killed' in run.screen


def test_ctrl_c_twice_does_not_wait_for_the_chief(start):
  run = start({'chief 0': 'ignore SIGTERM'}).all_up()
  run.launcher.send_signal(signal.SIGINT)
  with pytest.raises(subprocess.TimeoutExpired):
    run.launcher.wait(0.3)
  run.launcher.send_signal(signal.SIGINT)
  assert run.end() == errors.INTERRUPTED


def test_ctrl_c_during_the_check(start):
  run = start({'check 0': 'hang'})
  eventually(lambda: (run.workdir / 'logs' / 'check-0.log').exists())
  run.launcher.send_signal(signal.SIGINT)
  assert run.end() == errors.INTERRUPTED


def test_sigterm_to_every_process_as_batch_systems_send_it(start):
  run = start({'chief 0': 'checkpoint'}).all_up()
  for pid in run.processes():
    with contextlib.suppress(ProcessLookupError):  # The chief may be quick.
      os.kill(pid, signal.SIGTERM)
  assert run.end() == errors.TERMINATED
  assert 'checkpoint written' in run.log('chief-0')


@pytest.mark.parametrize('environ', [{}, {'FAKE_NO_NAMESPACE': '1'}])
def test_runs_of_the_same_second_do_not_meet(start, environ):
  runs = [start({'chief 0': 'checkpoint'}, **environ) for _ in range(4)]
  ports = [port for run in runs for port in run.all_up().ports()]
  assert len(set(ports)) == len(ports) == 4 * 4
  if environ:
    assert 'warning: no network namespace' in runs[0].screen
  for run in runs:
    run.launcher.send_signal(signal.SIGINT)
  assert [run.end() for run in runs] == [errors.INTERRUPTED] * 4


@pytest.mark.cluster
@pytest.mark.parametrize('victim', ['launcher', 'supervisor', 'worker'])
def test_with_tensorflow_in_the_supervisor(start, victim):
  run = start({}, FAKE_TENSORFLOW='1').all_up()
  if victim == 'worker':
    os.kill(run.pid('worker-0'), signal.SIGKILL)
    run.pid('worker-0', life=2)
    run.launcher.send_signal(signal.SIGINT)
    assert run.end() == errors.INTERRUPTED
    return
  supervisor = run.parent(run.pid('chief-0'))
  os.kill(run.launcher.pid if victim == 'launcher' else supervisor, signal.SIGKILL)
  run.launcher.wait(_PATIENCE)
  run.assert_nothing_left()
