"""distbelief.train from a process that dies: its cluster goes with it."""

import signal
import subprocess
import sys

import psutil
import pytest

from tests import runs

pytestmark = pytest.mark.cluster


def of_run(workdir):
  """The processes that belong to a run, by its directory in their command."""
  found = []
  for process in psutil.process_iter(['cmdline']):
    words = process.info['cmdline'] or []
    if '-m' in words and 'distbelief._launched' in words and str(workdir) in words:
      found += [process, *process.children(recursive=True)]
  return found


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_caller_that_is_killed_takes_its_cluster_along(tmp_path, number):
  workdir = tmp_path / 'run'
  script = (
    'import distbelief\n'
    'config = distbelief.default_config()\n'
    'config.num_steps, config.cluster.step_seconds = 100_000, 0.05\n'
    f'distbelief.train(config, {str(workdir)!r})\n'
  )
  words = [sys.executable, '-c', script]
  caller = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=runs.environment())
  try:
    runs.eventually(lambda: runs.num_records(workdir) > 5)
    processes = of_run(workdir)
    assert len(processes) > 4  # Launcher, supervisor, chief, workers, parameter server.
  finally:
    caller.send_signal(number)
    caller.wait()
  _, alive = psutil.wait_procs(processes, timeout=60)
  for process in alive:
    process.kill()
  assert not alive
  assert list(workdir.glob('checkpoints/*'))  # And left time for a checkpoint.
