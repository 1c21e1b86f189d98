"""Synchronous runs and runs of one process, started as a user starts them."""

import json
import os
import pathlib
import signal

import numpy as np
import pytest

from distbelief import errors
from distbelief.problem import factory
from distbelief.telemetry import metrics
from distbelief.telemetry.steps import Status
from tests import runs, slow_truth

pytestmark = pytest.mark.cluster

PADDED = {
  'algorithm': 'synchronous',
  'cluster.num_replicas': 3,
  'cluster.step_seconds': 0.03,
}


def joint_batches(workdir, num_replicas, num_updates):
  """The parameters of one process whose batch is all replicas' together, in NumPy."""
  config = runs.config_of(workdir)
  source = factory.make_source(config)
  shapes = [t.numpy() for t in factory.make_objective(config, source).initial]
  flat = np.concatenate([np.ravel(p) for p in shapes]).astype(np.float64)
  rate = config.synchronous.learning_rate or config.server.learning_rate
  rule = slow_truth.Rule(config.server.optimizer, rate, len(flat))
  minibatch = runs.minibatches_of(config, num_replicas)
  ends = np.cumsum([p.size for p in shapes])[:-1]
  for step in range(num_updates):
    own = [minibatch(replica, step) for replica in range(num_replicas)]
    joint = [np.concatenate(parts) for parts in zip(*own)]
    params = [p.reshape(s.shape) for p, s in zip(np.split(flat, ends), shapes)]
    gradient = slow_truth.gradient(params, *joint)
    flat = flat - rule.delta(np.concatenate([np.ravel(g) for g in gradient]))
  return flat


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
@pytest.mark.parametrize('num_replicas', [2, 3])
def test_equals_one_process_with_the_joint_batch(tmp_path, optimizer, num_replicas):
  workdir = tmp_path / 'run'
  summary = runs.train(
    workdir,
    **{
      'algorithm': 'synchronous',
      'cluster.num_replicas': num_replicas,
      'server.optimizer': optimizer,
      'server.learning_rate': 3.0,  # Not used.
      'synchronous.learning_rate': 0.02,
      'downpour.warmstart_steps': 50,  # Nor this.
      'num_steps': 120,
    },
  )
  assert summary['updates'] == 120 // num_replicas and summary['steps'] == 120
  truth = joint_batches(workdir, num_replicas, 120 // num_replicas)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-5


@pytest.mark.alone
def test_what_a_synchronous_run_leaves(tmp_path):
  workdir = tmp_path / 'run'
  summary = runs.train(
    workdir,
    **{
      **PADDED,
      'cluster.slowdown': (1, 1, 4),
      'num_steps': 150,
      'eval_steps': 75,
      'target_accuracy': 0.01,
      **runs.SAMPLED,
    },
  )
  assert summary['algorithm'] == 'synchronous'
  assert summary['communication']['strategy'] == 'MultiWorkerMirroredStrategy'
  assert summary['communication']['implementation'] == 'RING'
  assert summary['staleness']['mean'] == summary['staleness']['max'] == 0
  assert [row['steps'] for row in summary['replicas']] == [50, 50, 50]
  assert [row.steps for row in metrics.read_csv(workdir)] == [75, 150]
  assert [row.updates for row in metrics.read_csv(workdir)] == [25, 50]

  found = runs.read(workdir)
  assert len(found) == 150 and (found['status'] == Status.APPLIED).all()
  updates = found['version_applied'][:, 0]
  assert np.bincount(updates).tolist() == [0] + [3] * 50
  assert (found['version_held'][:, 0] == updates - 1).all()
  assert (found['staleness'] == 0).all()
  # All wait for the slowest, and it for nobody. (Bounds are three times as wide as those
  # of the experiment side_by_side.)
  waiting = [row['waiting'] for row in summary['replicas']]
  assert waiting[0] > 0.5 and waiting[1] > 0.5 and waiting[2] < 0.3
  waited = found['wait_end'] - found['wait_start']
  assert (waited >= 0).all()
  assert np.median(waited[found['replica'] == 2]) == 0
  slow = found[found['replica'] == 2]
  each = np.diff(np.sort(slow['push_end']))
  assert 0.12 <= np.median(each) < 0.12 + 3 * 0.02
  assert (workdir / 'model.keras').exists()
  assert len((workdir / 'pushes.csv').read_text().splitlines()) == 151
  assert {path.name for path in (workdir / 'logs').iterdir()} == {
    'check-0.log',
    *(f'worker-{i}.log' for i in range(3)),
  }


def test_one_process_equals_downpour_with_one_replica(tmp_path):
  fields = {'cluster.num_replicas': 1, 'server.optimizer': 'adagrad', 'num_steps': 100}
  found = []
  for algorithm in ('sgd', 'downpour'):
    workdir = tmp_path / algorithm
    summary = runs.train(workdir, algorithm=algorithm, **fields)
    assert summary['steps'] == summary['updates'] == 100
    assert summary['staleness']['max'] == 0
    found.append(runs.checkpointed(workdir))
  assert runs.relative_error(*found) < 1e-6
  assert summary['replicas'][0]['steps'] == 100


@pytest.mark.alone
@pytest.mark.parametrize('algorithm', ['sgd', 'downpour'])
def test_padded_steps_take_their_time(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  runs.train(
    workdir,
    **{
      'algorithm': algorithm,
      'cluster.num_replicas': 1,
      'cluster.step_seconds': 0.1,
      'num_steps': 20,
    },
  )
  found = runs.read(workdir)
  took = found['compute_end'] - found['compute_start']
  assert took.min() >= 0.1 and np.median(took) < 0.1 + 3 * 0.008


def test_a_killed_worker_ends_the_run_and_it_is_resumed(tmp_path):
  workdir = tmp_path / 'run'
  fields = {**PADDED, 'checkpoint_seconds': 1, 'num_steps': 300}
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: list((workdir / 'checkpoints').glob('*.index')))
    tasks = runs.tasks_of(launcher.pid)
    os.kill(tasks['replica-1'], signal.SIGKILL)
    screen = runs.end_of(launcher, errors.LOST_PEER)
  assert 'error: worker 1 was killed by signal 9 (SIGKILL); the same command' in screen
  assert 'started again' not in screen
  assert not [pid for pid in tasks.values() if pathlib.Path(f'/proc/{pid}').exists()]
  with runs.running(workdir, **fields) as launcher:
    screen = runs.end_of(launcher)
  assert 'resumed from step' in screen
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['steps'] == 300 and 0 < summary['resumed_from'] < 300
  truth = joint_batches(workdir, 3, 100)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-4
  found = runs.read(workdir)
  kept = found[(found['status'] == Status.APPLIED)[:, 0]]
  for replica in range(3):
    assert sorted(kept['step'][kept['replica'] == replica]) == list(range(100))


@pytest.mark.parametrize('algorithm', ['synchronous', 'sgd'])
def test_ctrl_c_writes_a_checkpoint_that_is_resumed(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  fields = {**PADDED, 'num_steps': 300, 'checkpoint_seconds': 3600}
  fields['algorithm'] = algorithm
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: runs.num_records(workdir) > 30)
    launcher.send_signal(signal.SIGINT)
    screen = runs.end_of(launcher, errors.INTERRUPTED)
  assert 'checkpoint written at step' in screen
  assert not (workdir / 'summary.json').exists()
  with runs.running(workdir, **fields) as launcher:
    screen = runs.end_of(launcher)
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['resumed_from'] > 0 and summary['steps'] == 300
  found = runs.read(workdir)  # Nothing was done twice.
  assert len(found) == 300 and (found['status'] == Status.APPLIED).all()


def test_more_and_fewer_replicas_take_over(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'algorithm': 'synchronous'}
  runs.train(workdir, num_steps=60, **fields, **{'cluster.num_replicas': 2})
  summary = runs.train(workdir, num_steps=90, **fields, **{'cluster.num_replicas': 3})
  assert summary['updates'] == 30 + 10
  assert [row['steps'] for row in summary['replicas']] == [40, 40, 10]
  before = {path: path.stat().st_mtime_ns for path in workdir.rglob('*')}
  changed = {**runs.SMALL, 'algorithm': 'synchronous', 'cluster.num_replicas': 4}
  with runs.running(workdir, **{**changed, 'num_steps': 120}) as launcher:
    screen = runs.end_of(launcher, errors.BAD_INPUT)
  assert 'config.cluster.num_replicas (4) does not divide the 90 steps' in screen
  assert before == {path: path.stat().st_mtime_ns for path in workdir.rglob('*')}
  summary = runs.train(workdir, num_steps=92, **fields, **{'cluster.num_replicas': 2})
  assert summary['steps'] == 92 and summary['updates'] == 41
  with runs.running(workdir, **{**changed, 'algorithm': 'downpour'}) as launcher:
    assert "config.algorithm ('downpour') differs" in runs.end_of(launcher, 2)
