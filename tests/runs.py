"""Runs started as a user starts them, and what they leave."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.experiments import process_stats, tolerances
from distbelief.problem import factory
from distbelief.telemetry import records
from tests import warm

ROOT = pathlib.Path(__file__).parents[1]
TIMEOUT = 240

SMALL = {
  'cluster.num_replicas': 4,
  'cluster.num_parameter_servers': 2,
  'num_steps': 240,
  'data.num_utterances': 16,
  'data.batch_size': 16,
  'model.hidden_units': (12, 7),
  'eval_steps': 100,
  'downpour.warmstart_steps': 0,
  'server.learning_rate': 0.02,
  # Most tests do not look at these, and the loss around a run takes seconds.
  'telemetry.pictures': False,
  'telemetry.swarm_seconds': 0.0,
}
SAMPLED = {'telemetry.swarm_seconds': 1.0}


def command(workdir, **fields):
  """The words of `scripts/train.py` with these fields changed."""
  flags = [f'--config.{name}={value}' for name, value in fields.items()]
  return [
    sys.executable,
    str(ROOT / 'scripts' / 'train.py'),
    f'--config={ROOT / "configs" / "synthetic_speech.py"}',
    f'--workdir={workdir}',
    *flags,
  ]


def environment():
  """A user's, who sits behind a proxy; here it leads nowhere."""
  proxy = {'http_proxy': 'http://127.0.0.1:9', 'https_proxy': 'http://127.0.0.1:9'}
  return {**os.environ, **proxy, 'PYTHONPATH': str(ROOT)}


def train(workdir, **fields):
  """Runs to the end; returns the summary."""
  result = warm.run(
    command(workdir, **{**SMALL, **fields}),
    timeout=TIMEOUT,
    cwd=workdir.parent,
    env=environment(),
  )
  assert result.returncode == 0, result.stderr
  return json.loads((workdir / 'summary.json').read_text())


def python(script, *words):
  """Runs a user's script to its end."""
  return warm.run(
    [sys.executable, str(script), *words], timeout=TIMEOUT, env=environment()
  )


def eventually(condition, seconds=TIMEOUT):
  deadline = time.monotonic() + seconds
  while not (result := condition()):
    assert time.monotonic() < deadline, 'timed out'
    time.sleep(0.02)
  return result


def num_records(workdir):
  return sum(len(records.open_file(path)) for path in records.files(workdir))


def tasks_of(launcher):
  """Process ids by name, of all descendants of a process."""
  return {process.name: process.pid for process in process_stats.descendants(launcher)}


@contextlib.contextmanager
def running(workdir, **fields):
  """A run under way: its launcher's process; it must be gone in the end."""
  process = warm.Process(
    command(workdir, **{**SMALL, **fields}),
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    env=environment(),
  )
  try:
    yield process
  except BaseException:
    process.kill()
    screen, _ = process.communicate()
    print(screen)  # Why what was waited for did not come.
    raise
  finally:
    process.kill()
    process.communicate()


def end_of(process, status=0):
  screen, _ = process.communicate(timeout=TIMEOUT)
  assert process.returncode == status, screen
  return screen


def config_of(workdir):
  return config_lib.from_json((workdir / 'config.json').read_text())


def checkpointed(workdir, what='parameters'):
  """The server's parameters, or what else it has, in the last checkpoint, [P]."""
  reader = tf.train.load_checkpoint(str(workdir / 'checkpoints'))
  return reader.get_tensor(f'{what}/.ATTRIBUTES/VARIABLE_VALUE')


def minibatches_of(config, num_replicas):
  """A function (replica, step) -> (inputs, labels), as the replicas read them."""
  source = factory.make_source(config)
  streams, seen = {}, {}

  def minibatch(replica, step):
    replica, step = int(replica), int(step)
    if replica not in streams:
      streams[replica] = source.minibatches(
        replica,
        num_replicas,
        0,
        config.data.batch_size,
        config_lib.warmstart_steps(config),
      ).as_numpy_iterator()
      seen[replica] = []
    while len(seen[replica]) <= step:
      seen[replica].append(next(streams[replica]))
    return seen[replica][step]

  return minibatch


def relative_error(found, truth):
  return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def read(workdir):
  return records.read(workdir)


def assert_hold(about, found):
  """Asserts claims of one short repetition, with bounds 3 times as wide."""
  judged = tolerances.judge(about, [found], width=3)
  assert all(row['holds'] for row in judged), tolerances.table(judged)
