"""Runs recomputed from their records; one record changed by hand is found."""

import dataclasses
import gzip
import os
import shutil
import signal

import numpy as np
import pytest

from distbelief import errors
from distbelief.analysis import pushes
from distbelief.analysis.run import Run
from distbelief.experiments import report
from distbelief.replay.replay import Replay, relative_error
from distbelief.replay.schedules import MisfitError
from distbelief.rundir import checkpoints
from distbelief.telemetry import metrics, records
from distbelief.telemetry.steps import Status
from tests import runs
from tests.simulation import simulated
from tests.telemetry import old_format

FIELDS = {
  'downpour.n_fetch': 3,
  'downpour.n_push': 2,
  'downpour.warmstart_steps': 20,
  'cluster.latency_seconds': 0.02,
}


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  found = tmp_path_factory.mktemp('replayed') / 'run'
  simulated.train(found, **FIELDS)
  return found


def test_a_simulated_run_is_explained(workdir):
  replay = Replay(workdir)
  state = replay.at()
  assert state.update == replay.num_updates == state.versions[0]
  assert replay.difference(state).parameters < 1e-6
  assert not state.accrued
  last = metrics.read_csv(workdir)[-1]
  assert state.loss == pytest.approx(last.holdout_loss, rel=1e-5)
  assert state.holdout['accuracy'] == pytest.approx(last.holdout_accuracy, abs=1e-6)


def test_any_update_can_be_looked_at(workdir):
  replay = Replay(workdir)
  found = records.read(workdir)
  state = replay.at(60)
  assert state.versions[0] == 60
  assert abs(int(state.versions[1]) - 60) <= 4
  # Someone has accrued a gradient, and each is one of its replica's.
  assert state.accrued
  for replica, gradient in state.accrued.items():
    assert [g.shape for g in gradient] == [p.shape for p in state.params]
    assert replica in state.losses
  now = np.nanmax(found['update_end'][found['version_applied'][:, 0] == 60, 0])
  done = found[(found['compute_end'] <= now)]
  waiting = done[np.nan_to_num(done['update_end'][:, 0], nan=np.inf) > now]
  assert set(state.accrued) == set(waiting['replica'].tolist())
  first = replay.at(0)
  assert first.versions[0] == 0
  assert relative_error(first.flat, replay.at(1).flat) > 0


def changed(workdir, name, place, change):
  """Changes one record in the file; returns it as it was, and how to undo it."""
  (path,) = records.files(workdir)
  mapped = records.open_file(path, 'r+')
  before = mapped[place].copy()
  mapped[name][place] = change(mapped[name][place])
  mapped.flush()
  return before, lambda: mapped.__setitem__(place, before)


@pytest.mark.parametrize(
  ('name', 'change'),
  [
    ('version_held', lambda v: v + np.array([0, 1])),
    ('version_held', lambda v: v - 1),
    ('version_applied', lambda v: v + 1),
    ('step', lambda v: v + 1),
    ('batch', lambda v: v + 1),
    ('replica', lambda v: (v + 1) % 4),
    ('loss', lambda v: v + 0.01),
    ('accuracy', lambda v: v + 0.3),
    ('incarnation', lambda v: v + 1),
    ('gradients', lambda v: v + 1),
    ('pushed', lambda v: not v),
    ('fresh', lambda v: not v),
    ('status', lambda v: 0 * v + 2),
    ('sequence', lambda v: v + 1),
    ('staleness', lambda v: v + np.array([0, 1])),
  ],
)
def test_a_changed_record_is_found(workdir, name, change):
  (path,) = records.files(workdir)
  found = np.array(records.open_file(path))
  fresh = found['fresh'] & found['pushed'] & (found['replica'] == 2)
  place = int(np.flatnonzero(fresh)[4])
  before, undo = changed(workdir, name, place, change)
  try:
    with pytest.raises(MisfitError) as caught:
      Replay(workdir).at()
  finally:
    undo()
  assert 'replica' in str(caught.value) and '\n' not in str(caught.value)
  step, replica = before['step'], before['replica']
  if name in ('loss', 'accuracy', 'batch', 'gradients'):
    assert f'step {step} of replica {replica}' in str(caught.value)


def test_a_run_of_records_of_format_2_is_read_as_before(workdir, tmp_path):
  old = tmp_path / 'run'
  shutil.copytree(workdir, old)
  old_format.rewrite(*records.files(old))
  replay = Replay(old)
  assert replay.difference(replay.at()).parameters < 1e-6
  pushes.write_csv(Run(old).pushes, tmp_path / 'pushes.csv')
  assert (tmp_path / 'pushes.csv').read_text() == (workdir / 'pushes.csv').read_text()
  folders = {workdir: tmp_path / 'new', old: tmp_path / 'old'}
  pages = [report.write([Run(run)], folder) for run, folder in folders.items()]
  one, other = (page.with_name('run-trace.json.gz').read_bytes() for page in pages)
  assert gzip.decompress(one) == gzip.decompress(other)


@pytest.mark.parametrize('overlap', [False, True])
def test_a_model_with_statistics_and_dropout_is_explained(tmp_path, overlap):
  workdir = tmp_path / 'run'
  fields = {'model.name': 'tests.users:network', 'data.name': 'tests.users:examples'}
  fields |= {'downpour.overlap': overlap, 'downpour.learning_rate': 0.05}
  simulated.train(workdir, **fields, **{'simulation.life_seconds': 4.0})
  replay = Replay(workdir)
  found = replay.difference(replay.at())
  assert found.parameters < 1e-5 and found.statistics < 1e-5


@pytest.mark.parametrize(
  'fields',
  [
    {'algorithm': 'synchronous'},
    {'algorithm': 'sgd'},
    {'algorithm': 'synchronous', 'synchronous.backup_workers': 1},
    {
      'algorithm': 'synchronous',
      'model.name': 'tests.users:network',
      'data.name': 'tests.users:examples',
    },
  ],
)
def test_updates_made_together_are_explained(tmp_path, fields):
  workdir = tmp_path / 'run'
  simulated.train(workdir, **fields)
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters < 1e-6
  assert replay.at(10).versions[0] == 10


@pytest.mark.parametrize(
  'fields',
  [
    {'downpour.reset_slots': True, 'downpour.warmstart_steps': 20},
    {
      'data.shuffle_buffer': 64,
      'model.name': 'tests.users:network',
      'data.name': 'tests.users:examples',
    },
    {'server.optimizer': 'momentum', 'downpour.warmstart_steps': 20},
    {'downpour.warmstart_steps': 20, 'downpour.warmstart_optimizer': 'sgd'},
  ],
)
def test_other_options_are_explained(tmp_path, fields):
  workdir = tmp_path / 'run'
  simulated.train(workdir, **fields)
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters < 1e-6


def test_pushes_that_are_not_finite_are_explained(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'model.name': 'tests.users:network', 'data.name': 'tests.users:poisoned'}
  summary = simulated.train(workdir, **fields)
  found = records.read(workdir)
  dropped = (found['status'] == Status.DROPPED).all(axis=1)
  assert 0 < dropped.sum() < len(found) == summary['steps']
  replay = Replay(workdir)
  state = replay.at()
  assert replay.difference(state).parameters < 1e-6
  assert not state.accrued


def test_a_push_that_is_not_finite_may_be_looked_into(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'model.name': 'tests.users:network', 'data.name': 'tests.users:poisoned'}
  simulated.train(workdir, **fields, **{'downpour.n_push': 3, 'num_steps': 48})
  assert (records.read(workdir)['status'] == Status.DROPPED).any()
  replay = Replay(workdir)
  for update in range(replay.num_updates + 1):
    replay.at(update)  # Some end within such a push.


def test_a_run_without_records_cannot_be_replayed(tmp_path):
  simulated.train(tmp_path / 'run', num_steps=16, **{'telemetry.records': False})
  with pytest.raises(
    errors.UserError, match=r'train anew with .*telemetry\.records=True'
  ):
    Replay(tmp_path / 'run')
  with pytest.raises(errors.UserError, match=r'holds no run .* name a directory'):
    Replay(tmp_path / 'nowhere')


@pytest.mark.parametrize('update', [-1, 10**6])
def test_updates_that_were_not_are_refused(workdir, update):
  replay = Replay(workdir)
  with pytest.raises(errors.UserError, match=f'choose 0 to {replay.num_updates}'):
    replay.at(update)


def test_statistics_that_differ_are_told(workdir):
  replay = Replay(workdir)
  state = replay.at()
  kept = checkpoints.latest(workdir / 'checkpoints')
  off = kept._replace(statistics=np.array([1.0], np.float32))
  state.statistics = [np.array([np.nan], np.float32)]
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(checkpoints, 'latest', lambda folder: off)
    with pytest.raises(MisfitError, match=r'the statistics .* differ .* by nan'):
      replay.difference(state)


def test_a_run_that_goes_on_is_explained_as_far_as_is_known(workdir, tmp_path):
  """The chief asks one shard after the other: of shard 1 it may know less."""
  going_on = tmp_path / 'run'
  shutil.copytree(workdir, going_on)
  (going_on / 'summary.json').unlink()
  (path,) = records.files(going_on)
  mapped = records.open_file(path, 'r+')
  unknown = mapped['version_applied'][:, 1] > 80
  mapped['status'][unknown, 1] = Status.LOST
  mapped['version_applied'][unknown, 1] = -1
  mapped.flush()
  replay = Replay(going_on)
  assert 75 <= replay.num_updates < 100  # What needs later versions of shard 1 is left.
  one, other = replay.at(60), Replay(workdir).at(60)
  assert relative_error(one.flat, other.flat) < 1e-6


def test_what_the_end_lacks_is_found(workdir, tmp_path):
  """No record contradicts another one, but it is not how the run ended."""
  lacking = tmp_path / 'run'
  shutil.copytree(workdir, lacking)
  (path,) = records.files(lacking)
  mapped = records.open_file(path, 'r+')
  last = mapped['version_applied'][:, 1] == mapped['version_applied'][:, 1].max()
  mapped['status'][last, 1] = Status.LOST
  mapped.flush()
  replay = Replay(lacking)
  with pytest.raises(MisfitError, match='some are missing or changed'):
    replay.difference(replay.at())


def test_several_launches_are_explained(tmp_path):
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=100)
  simulated.train(workdir, num_steps=240, **{'cluster.num_parameter_servers': 3})
  replay = Replay(workdir)
  state = replay.at()
  assert len(state.versions) == 3
  assert replay.difference(state).parameters < 1e-5


def test_versions_that_a_launch_passes_over_are_its_start(tmp_path):
  """With other shards a run goes on from the newest version of any."""
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=60)
  simulated.train(workdir, num_steps=80, **{'cluster.num_parameter_servers': 3})
  replay = Replay(workdir)
  first, second = replay._schedules
  end = int(second.starts[0])
  # As if two pushes had only come to shard 1.
  orders = [first.orders[0][:-2], first.orders[1]]
  ends = first.ends - [2, 0]
  replay._schedules[0] = dataclasses.replace(first, orders=orders, ends=ends)
  assert replay.at(end - 2).versions.tolist() == [end - 2, end]
  for update in (end - 1, end):
    state = replay.at(update)
    assert state.update == end and state.versions.tolist() == [end] * 3
    assert not state.accrued


@pytest.mark.cluster
@pytest.mark.parametrize(('optimizer', 'overlap'), [('sgd', False), ('adagrad', True)])
def test_a_cluster_run_is_explained(tmp_path, optimizer, overlap):
  """4 replicas, 2 shards, a warm start, a replica killed and back, and a resume."""
  workdir = tmp_path / 'run'
  fields = {
    'downpour.n_fetch': 3,
    'downpour.n_push': 2,
    'downpour.overlap': overlap,
    'downpour.warmstart_steps': 20,
    'server.optimizer': optimizer,
    'num_steps': 1_000_000,  # It is stopped when the replica is back.
    # So few steps meanwhile that the replay does not take longer than the run.
    'cluster.step_seconds': 0.05,
  }
  is_back = lambda: (records.read(workdir)['incarnation'] == 1).sum() > 100  # noqa: E731
  with runs.running(workdir, **fields) as process:
    runs.eventually(lambda: runs.num_records(workdir) > 200)
    os.kill(runs.tasks_of(process.pid)['replica-2'], signal.SIGKILL)
    runs.eventually(is_back)
    process.send_signal(signal.SIGINT)
    runs.end_of(process, errors.INTERRUPTED)
  done = checkpoints.latest(workdir / 'checkpoints').steps
  runs.train(workdir, **{**fields, 'num_steps': done + 200})
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters < 1e-4
