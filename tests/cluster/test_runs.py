"""Whole runs on this machine, started as a user starts them."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import distbelief
from distbelief import errors
from distbelief.analysis import pushes
from distbelief.telemetry import metrics, records
from distbelief.telemetry.steps import Status
from tests import runs, warm
from tests.cluster import test_slow_truth

pytestmark = pytest.mark.cluster

PADDED = {
  'cluster.num_replicas': 4,
  'cluster.num_parameter_servers': 2,
  'cluster.step_seconds': 0.03,
}


def assert_explained(workdir, num_replicas, num_shards):
  """Replays what counts of the records, and compares with the last checkpoint."""
  found = runs.read(workdir)
  kept = found[(found['status'] == Status.APPLIED).any(axis=1)]
  truth = test_slow_truth.truth_of(workdir, num_replicas, num_shards).replay(kept)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-4
  return found


def test_what_a_run_leaves(tmp_path):
  workdir = tmp_path / 'run'
  summary = runs.train(
    workdir,
    **{'target_accuracy': 0.01, 'downpour.warmstart_steps': 24, 'checkpoint_seconds': 1},
    **runs.SAMPLED,
  )
  found = runs.read(workdir)
  assert len(found) == summary['steps'] == 240
  assert (found['status'] == Status.APPLIED).all()
  assert (found['replica'][found['compute_end'].argsort()][:24] == 0).all()
  assert sum(row['steps'] for row in summary['replicas']) == 240
  # Every update exactly once: versions are 1..n on each shard.
  pushed = found[found['pushed']]
  for shard in range(2):
    assert sorted(pushed['version_applied'][:, shard]) == list(range(1, 241))
  assert summary['updates'] == 240
  derived = pushes.derive(found, 24)
  assert summary['staleness']['mean'] == pytest.approx(pushes.staleness(derived).mean())
  assert len((workdir / 'pushes.csv').read_text().splitlines()) == 241
  evaluations = metrics.read_csv(workdir)
  assert [row.steps for row in evaluations][-1] == 240
  assert summary['holdout_accuracy'] == pytest.approx(
    evaluations[-1].holdout_accuracy, abs=1e-5
  )
  assert summary['seconds_to_target'] == pytest.approx(evaluations[0].seconds, abs=1e-3)
  assert summary['clock'] == 'cluster' and summary['resumed_from'] is None
  # Three times what scripts/benchmarks/start_up.py is to show for fewer tasks on a
  # quiet machine.
  assert 0 < summary['startup_seconds'] < 24
  assert summary['provenance']['packages']['tensorflow'] == tf.__version__
  model = tf.keras.models.load_model(workdir / 'model.keras')
  flat = np.concatenate([np.ravel(w) for w in model.get_weights()])
  np.testing.assert_allclose(flat, runs.checkpointed(workdir), rtol=1e-6)
  assert {path.name for path in (workdir / 'logs').iterdir()} == {
    'check-0.log',
    'chief-0.log',
    *(f'worker-{i}.log' for i in range(4)),
    *(f'ps-{i}.log' for i in range(2)),
  }


def test_the_same_command_resumes(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'downpour.n_fetch': 2, 'downpour.n_push': 3, 'server.optimizer': 'adagrad'}
  runs.train(workdir, num_steps=90, **fields)
  changed = {'cluster.num_replicas': 4, 'cluster.num_parameter_servers': 2, **fields}
  summary = runs.train(workdir, num_steps=200, **changed)
  assert summary['resumed_from'] == 90 and summary['steps'] == 200
  found = assert_explained(workdir, 4, 2)
  assert len(found) == 200 and len(records.files(workdir)) == 2
  again = warm.run(
    runs.command(workdir, **{**runs.SMALL, 'num_steps': 200, **changed}),
    timeout=runs.TIMEOUT,
  )
  assert again.returncode == 0 and 'raise config.num_steps' in again.stdout
  # Fewer replicas and another number of shards take over.
  fields['cluster.num_replicas'], fields['cluster.num_parameter_servers'] = 2, 3
  summary = runs.train(workdir, num_steps=260, **fields)
  assert summary['resumed_from'] == 200 and summary['steps'] == 260
  before_and_now = runs.read(workdir)['replica']
  assert [row['steps'] for row in summary['replicas']] == [
    (before_and_now == replica).sum() for replica in range(2)
  ]
  assert (runs.read(workdir)['status'][-60:] == Status.APPLIED).all()


def test_a_worker_killed_in_mid_window_comes_back(tmp_path):
  workdir = tmp_path / 'run'
  # Enough steps that some are left for it when it is back, also on a busy machine.
  fields = {**PADDED, 'downpour.n_fetch': 3, 'downpour.n_push': 2, 'num_steps': 2400}
  fields |= runs.SAMPLED
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: runs.num_records(workdir) > 60)
    victim = runs.tasks_of(launcher.pid)['replica-1']
    os.kill(victim, signal.SIGKILL)
    screen = runs.end_of(launcher)
  assert 'worker 1 was killed by signal 9' in screen
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['steps'] == 2400 and summary['failures_survived'] == 1
  found = assert_explained(workdir, 4, 2)
  assert set(found['incarnation'][found['replica'] == 1]) == {0, 1}


@pytest.mark.parametrize('overlap', [False, True])
def test_a_killed_chief_is_resumed_from_the_last_checkpoint(tmp_path, overlap):
  workdir = tmp_path / 'run'
  fields = {
    **PADDED,
    'downpour.n_push': 2,
    'downpour.overlap': overlap,
    'checkpoint_seconds': 1,
    'num_steps': 400,
  }
  with runs.running(workdir, **fields) as launcher:
    saved = lambda: list((workdir / 'checkpoints').glob('*.index'))  # noqa: E731
    at = runs.eventually(lambda: saved() and runs.num_records(workdir))
    runs.eventually(lambda: runs.num_records(workdir) > at + 20)
    os.kill(runs.tasks_of(launcher.pid)['chief'], signal.SIGKILL)
    screen = runs.end_of(launcher, errors.LOST_PEER)
  assert 'chief 0 was killed by signal 9' in screen
  with runs.running(workdir, **fields) as launcher:
    runs.end_of(launcher)
  found = assert_explained(workdir, 4, 2)
  undone = (found['status'] == Status.UNDONE).any(axis=1)
  assert undone.sum() > 0
  counted = (found['status'] == Status.APPLIED).sum(axis=0)
  assert counted.min() >= 400  # Some pushes may have reached one shard only.
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['steps'] == 400 and 0 < summary['resumed_from'] < 400


def test_a_killed_parameter_server_ends_the_run_and_it_is_resumed(tmp_path):
  workdir = tmp_path / 'run'
  fields = {**PADDED, 'checkpoint_seconds': 1, 'num_steps': 300}
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: list((workdir / 'checkpoints').glob('*.index')))
    tasks = runs.tasks_of(launcher.pid)
    os.kill(tasks['ps-1'], signal.SIGKILL)
    screen = runs.end_of(launcher, errors.LOST_PEER)
    assert 'error: ps 1 was killed by signal 9' in screen
    assert not [pid for pid in tasks.values() if pathlib.Path(f'/proc/{pid}').exists()]
  with runs.running(workdir, **fields) as launcher:
    runs.end_of(launcher)
  assert json.loads((workdir / 'summary.json').read_text())['steps'] == 300


def test_ctrl_c_writes_a_checkpoint_that_is_resumed(tmp_path):
  workdir = tmp_path / 'run'
  fields = {**PADDED, 'num_steps': 300, 'checkpoint_seconds': 3600}
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: runs.num_records(workdir) > 30)
    with runs.running(workdir, **fields) as second:
      assert 'is in use by a run' in runs.end_of(second, errors.BAD_INPUT)
    launcher.send_signal(signal.SIGINT)
    screen = runs.end_of(launcher, errors.INTERRUPTED)
  assert 'checkpoint written at step' in screen
  assert not (workdir / 'summary.json').exists()
  with runs.running(workdir, **fields) as launcher:
    screen = runs.end_of(launcher)
  assert 'resumed from step' in screen
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['resumed_from'] > 0 and summary['steps'] == 300


def test_a_run_that_lost_its_summary_writes_it_again(tmp_path):
  workdir = tmp_path / 'run'
  before = runs.train(workdir, num_steps=60)
  (workdir / 'summary.json').unlink()  # As if killed just before.
  after = runs.train(workdir, num_steps=60)
  assert after['steps'] == 60 and after['resumed_from'] == 60
  assert after['holdout_accuracy'] == pytest.approx(before['holdout_accuracy'])
  (workdir / 'summary.json').unlink()
  with runs.running(workdir, num_steps=50) as launcher:
    screen = runs.end_of(launcher, errors.BAD_INPUT)
  assert 'config.num_steps (50) is less than the 60 steps' in screen


@pytest.mark.parametrize('overlap', [False, True])
def test_the_length_of_windows_changes_nothing(tmp_path, overlap):
  found = []
  for window_steps in (1, 60, 7):
    workdir = tmp_path / f'windows-of-{window_steps}'
    runs.train(
      workdir,
      **{
        'cluster.num_replicas': 1,
        'cluster.num_parameter_servers': 2,
        'downpour.window_steps': window_steps,
        'downpour.n_fetch': 3,
        'downpour.n_push': 2,
        'downpour.overlap': overlap,
        'num_steps': 50,
      },
    )
    truth = test_slow_truth.truth_of(workdir, 1, 2).replay(runs.read(workdir))
    found.append(runs.checkpointed(workdir))
    assert runs.relative_error(found[-1], truth) < 1e-5
    if not overlap:  # A fetch and a push in flight race, even with one replica.
      np.testing.assert_array_equal(found[-1], found[0])


def test_another_config_is_refused(tmp_path):
  workdir = tmp_path / 'run'
  runs.train(workdir, num_steps=30)
  with runs.running(workdir, num_steps=60, seed=1) as launcher:
    screen = runs.end_of(launcher, errors.BAD_INPUT)
  assert 'config.seed (1) differs' in screen and len(screen.splitlines()) == 1


@pytest.mark.alone
def test_staleness_of_equal_replicas_is_m_minus_1(tmp_path):
  workdir = tmp_path / 'run'
  fields = {
    **PADDED,
    'cluster.step_seconds': 0.15,
    'cluster.step_distribution': 'gamma',
    'cluster.step_deviation': 0.15,
    'num_steps': 400,
    'eval_steps': 400,
  }
  summary = runs.train(workdir, **fields)
  assert summary['staleness']['mean'] == pytest.approx(3, abs=0.3)
  found = runs.read(workdir)
  seconds = found['compute_end'] - found['compute_start']
  assert seconds.mean() == pytest.approx(0.15, rel=0.1)
  assert seconds.std() == pytest.approx(0.15 * 0.15, rel=0.5)
  assert min(row['steps'] for row in summary['replicas']) > 85


def test_train_from_python(tmp_path):
  config = distbelief.default_config()
  config.update_from_flattened_dict({**runs.SMALL, 'num_steps': 40})
  summary = distbelief.train(config, tmp_path / 'run')
  assert summary['steps'] == 40


def test_ctrl_c_while_training_from_python(tmp_path):
  workdir = tmp_path / 'run'
  fields = {**runs.SMALL, **PADDED, 'num_steps': 400, 'checkpoint_seconds': 3600}
  code = (
    'import distbelief, signal\n'
    # As in a terminal, also where these tests run in a shell's background.
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'config = distbelief.default_config()\n'
    f'config.update_from_flattened_dict({fields!r})\n'
    f'distbelief.train(config, {str(workdir)!r})\n'
  )
  python = subprocess.Popen(
    [sys.executable, '-c', code],
    stderr=subprocess.PIPE,
    text=True,
    env=runs.environment(),
  )
  try:
    runs.eventually(lambda: runs.num_records(workdir) > 30)
    python.send_signal(signal.SIGINT)
    screen = python.communicate(timeout=runs.TIMEOUT)[1]
  finally:
    python.kill()
  assert 'checkpoint written at step' in screen
  assert screen.rstrip().endswith('KeyboardInterrupt')


def test_one_processor_is_enough_to_evaluate_while_windows_run(tmp_path):
  """A task with a single thread answered nobody before its windows were over."""
  workdir = tmp_path / 'run'
  fields = {**runs.SMALL, **PADDED, 'cluster.num_replicas': 1, 'num_steps': 480}
  words = runs.command(workdir, **fields)
  one = min(os.sched_getaffinity(0))
  subprocess.run(
    ['taskset', '--cpu-list', str(one), *words],
    check=True,
    timeout=runs.TIMEOUT,
    env=runs.environment(),
  )
  assert len(metrics.read_csv(workdir)) > 2  # The first one at 100, and one at the end.
