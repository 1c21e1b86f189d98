"""Whole runs under the virtual clock, held to slow truth and to arithmetic."""

import csv
import io
import json
import os
import signal
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import plugin_event_accumulator

import distbelief
from distbelief import config as config_lib
from distbelief import errors, run
from distbelief.analysis import swarm as swarm_analysis
from distbelief.analysis.run import Run
from distbelief.data import own_data, source
from distbelief.pictures import gallery, swarm
from distbelief.replay.replay import Replay
from distbelief.rundir import checkpoints, final_pictures
from distbelief.simulation import launch
from distbelief.simulation.machines import Machines
from distbelief.telemetry import metrics, provenance, records
from tests import runs, users, warm
from tests.simulation import simulated


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
@pytest.mark.parametrize('overlap', [False, True])
def test_records_explain_the_parameters(tmp_path, optimizer, overlap):
  workdir = tmp_path / 'run'
  summary = simulated.train(
    workdir,
    **{
      'cluster.num_parameter_servers': 3,
      'downpour.n_fetch': 3,
      'downpour.n_push': 2,
      'downpour.overlap': overlap,
      'downpour.warmstart_steps': 20,
      'server.optimizer': optimizer,
      'cluster.latency_seconds': 0.02,
      'simulation.shard_bandwidth': 1e5,
      'simulation.update_seconds': 0.004,
      'num_steps': 300,
    },
  )
  assert summary['clock'] == 'virtual' and summary['steps'] == 300
  found = records.read(workdir)
  assert len(found) == 300 and (found['status'] == 1).all()
  derived = records.derived_staleness(found)
  np.testing.assert_array_equal(found['staleness'], derived)
  truth = simulated.truth_of(workdir)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-5


@pytest.mark.parametrize('overlap', [False, True])
def test_replicas_that_die_come_back_and_nothing_is_counted_twice(tmp_path, overlap):
  workdir = tmp_path / 'run'
  summary = simulated.train(
    workdir,
    **{
      'simulation.life_seconds': 1.5,
      'simulation.restart_seconds': 0.4,
      'downpour.n_push': 3,
      'downpour.overlap': overlap,
      'cluster.latency_seconds': 0.03,
      'simulation.shard_bandwidth': 1e5,
      'num_steps': 300,
    },
  )
  assert summary['steps'] == 300
  assert summary['failures_survived'] > 3 and summary['steps_returned'] > 0
  found = records.read(workdir)
  assert (found['status'] == 1).all(axis=1).sum() >= 300
  derived = records.derived_staleness(found)
  np.testing.assert_array_equal(found['staleness'], derived)
  assert len(np.unique(found['incarnation'])) > 1
  truth = simulated.truth_of(workdir)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-5


TIMES_OF_DAY = {
  'provenance',
  'startup_seconds',
  'real_seconds',
  'real_seconds_computing',
}


def contents(workdir):
  """What every file of a run holds, but for times of day and the log of the process."""
  found = {}
  for path in sorted(workdir.rglob('*')):
    name = str(path.relative_to(workdir))
    if path.is_dir() or path.suffix == '.log':
      continue
    if path.name == 'summary.json':
      fields = json.loads(path.read_text())
      found[name] = {k: v for k, v in fields.items() if k not in TIMES_OF_DAY}
    elif path.suffix == '.keras':
      with zipfile.ZipFile(path) as file:
        # Keras writes the day, and addresses of objects, into the other members.
        found[name] = file.read('model.weights.h5')
    elif 'tfevents' in name:
      found['tensorboard'] = [
        (event.wall_time, event.step, [value.SerializeToString() for value in values])
        for event in tf.compat.v1.train.summary_iterator(str(path))
        if (values := [v for v in event.summary.value if 'hparams' not in v.tag])
      ]
    elif path.name == 'checkpoint':
      found[name] = [line for line in path.read_text().splitlines() if 'time' not in line]
    elif path.suffix == '.bin' and 'steps' in name:
      found[name] = path.read_bytes()[4096:]  # The header has a time of day.
    else:
      found[name] = path.read_bytes()
  return found


def test_the_same_seed_gives_the_same_bytes(tmp_path):
  fields = {'simulation.life_seconds': 5.0, 'cluster.num_replicas': 3}
  fields['telemetry.pictures'] = True
  for name in ('one', 'again'):
    keras.utils.clear_session()  # It numbers the layers that a process makes.
    simulated.train(tmp_path / name / 'run', **fields)  # Pictures tell a run's name.
  simulated.train(tmp_path / 'other' / 'run', seed=1, **fields)
  one, again, other = (contents(tmp_path / n) for n in ('one', 'again', 'other'))
  names = {'metrics.csv', 'pushes.csv', 'activities.csv', 'swarm.bin', 'model.keras'}
  assert names | {'tensorboard', 'summary.json', 'config.json'} <= {
    name.removeprefix('run/') for name in one
  }
  assert any('checkpoints' in name for name in one)
  assert one.keys() == again.keys()
  for name, content in one.items():
    assert again[name] == content, name
  assert one['run/metrics.csv'] != other['run/metrics.csv']


TINY = {'model.hidden_units': (4,), 'cluster.num_parameter_servers': 1, 'seed': 3}


@pytest.mark.parametrize(
  ('fields', 'expected'),
  [
    ({}, 4.0),  # M - 1.
    ({'cluster.latency_seconds': 0.05}, 4 * 0.15 / 0.2),  # (M - 1)(T + L) / (T + 2 L).
    # About 2 M - 1: a fetch starts with a push, and here comes just before it.
    ({'downpour.overlap': True}, 10.0),
  ],
)
def test_staleness_is_what_theory_says(tmp_path, fields, expected):
  fields = {'cluster.num_replicas': 5, 'num_steps': 1500, **TINY, **fields}
  fields |= {'eval_steps': 1500, 'telemetry.swarm_seconds': 0.0}
  summary = simulated.train(tmp_path / 'run', **fields)
  assert summary['staleness']['mean'] == pytest.approx(expected, rel=0.03)
  assert summary['theoretical_staleness'] == pytest.approx(expected, abs=1.001)


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
def test_without_records_a_run_is_the_same(tmp_path, algorithm):
  fields = {'algorithm': algorithm, 'num_steps': 120}
  with_all = simulated.train(tmp_path / 'with', **fields)
  fields['telemetry.records'] = False
  without = simulated.train(tmp_path / 'without', **fields)
  assert not len(records.read(tmp_path / 'without'))
  assert with_all['holdout_accuracy'] == without['holdout_accuracy']
  assert without['seconds'] == pytest.approx(with_all['seconds'], rel=1e-9)
  one, other = (runs.checkpointed(tmp_path / name) for name in ('with', 'without'))
  np.testing.assert_array_equal(one, other)


def test_a_run_is_not_resumed_by_another_clock(tmp_path):
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=40)
  config = simulated.config_of(num_steps=80)
  with pytest.raises(errors.UserError, match='set --clock=virtual, or choose'):
    run.launch(config, str(workdir))


def test_backups_resume_where_they_stopped(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'algorithm': 'synchronous', 'synchronous.backup_workers': 1}
  simulated.train(workdir, num_steps=15, **fields)  # No multiple of 4 replicas.
  summary = simulated.train(workdir, num_steps=30, **fields)
  assert summary['resumed_from'] == 15 and summary['steps'] == 30


def test_a_replica_s_link_can_be_the_bottleneck(tmp_path):
  """Two replicas, each a fetch and a push of 50 ms over its own link."""
  size = 4 * (440 * 4 + 4 + 4 * 60 + 60)
  fields = {'cluster.num_replicas': 2, 'num_steps': 400, 'eval_steps': 400, **TINY}
  fields |= {'simulation.replica_bandwidth': size / 0.05}
  fields |= {'cluster.step_distribution': 'constant'}
  summary = simulated.train(tmp_path / 'run', **fields)
  sent = Run(tmp_path / 'run').header['shard_bytes'][0] / size
  expected = 2 / (0.1 + 2 * 0.05 * sent)
  assert summary['updates_per_second'] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(('num_shards', 'n_fetch', 'n_push'), [(1, 1, 1), (2, 3, 2)])
def test_theory_knows_how_long_a_replica_s_link_takes(
  tmp_path, num_shards, n_fetch, n_push
):
  fields = {'cluster.num_replicas': 4, 'num_steps': 1000, 'eval_steps': 1000, **TINY}
  fields |= {'cluster.num_parameter_servers': num_shards}
  fields |= {'downpour.n_fetch': n_fetch, 'downpour.n_push': n_push}
  fields |= {'cluster.latency_seconds': 0.1, 'telemetry.swarm_seconds': 0.0}
  fields |= {'simulation.charged_parameters': 250, 'simulation.replica_bandwidth': 1e4}
  summary = simulated.train(tmp_path / 'run', **fields)
  theory = summary['theoretical_staleness']
  if (num_shards, n_fetch, n_push) == (1, 1, 1):
    assert theory == pytest.approx(2.4, rel=0.01)
  assert summary['staleness']['mean'] == pytest.approx(theory, rel=0.05)


def test_a_slow_replica_does_its_share(tmp_path):
  fields = {'cluster.slowdown': (1, 1, 1, 4), 'cluster.num_replicas': 4, **TINY}
  fields |= {'num_steps': 1300, 'eval_steps': 1300}
  summary = simulated.train(tmp_path / 'run', **fields)
  steps = [replica['steps'] for replica in summary['replicas']]
  assert steps[3] == pytest.approx(100, abs=5)
  assert summary['seconds'] == pytest.approx(0.1 * 400, rel=0.03)


def test_a_shard_can_be_the_bottleneck(tmp_path):
  """10 replicas, each fetch and push 20 ms of the shard's link: 25 updates/s."""
  size = 4 * (440 * 4 + 4 + 4 * 50 + 50)
  fields = {'cluster.num_replicas': 10, 'num_steps': 1000, 'eval_steps': 1000, **TINY}
  fields |= {'simulation.shard_bandwidth': size / 0.02}
  summary = simulated.train(tmp_path / 'run', **fields)
  classes = Run(tmp_path / 'run').header['shard_bytes'][0]
  expected = 1 / (2 * 0.02 * classes / size)
  assert summary['updates_per_second'] == pytest.approx(expected, rel=0.03)
  waits = [r['fetching'] + r['pushing'] for r in summary['replicas']]
  assert min(waits) > 0.6


def test_the_clock_is_charged_for_a_larger_network(tmp_path):
  fields = {'cluster.num_replicas': 2, 'num_steps': 40, 'eval_steps': 40, **TINY}
  fields |= {'cluster.step_seconds': 0.0, 'simulation.charged_parameters': 41_777_152}
  fields |= {'simulation.flops_per_second': 1e10, 'simulation.shard_bandwidth': 1e9}
  summary = simulated.train(tmp_path / 'run', **fields)
  run = Run(tmp_path / 'run')
  assert run.header['shard_bytes'] == [4 * 41_777_152]
  computing = np.median(run.records['compute_end'] - run.records['compute_start'])
  assert computing == pytest.approx(6 * 16 * 41_777_152 / 1e10, rel=0.05)
  fetching = np.nanmin(run.records['fetch_end'] - run.records['fetch_start'])
  assert fetching == pytest.approx(4 * 41_777_152 / 1e9, rel=1e-6)
  assert summary['seconds'] > 20 * computing


def test_resumes_where_it_stopped(tmp_path):
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=200, **{'downpour.warmstart_steps': 10})
  summary = simulated.train(workdir, num_steps=500, **{'downpour.warmstart_steps': 10})
  assert summary['resumed_from'] == 200 and summary['steps'] == 500
  first, second = (records.open_file(path) for path in records.files(workdir))
  assert second['compute_start'].min() >= np.nanmax(first['update_end'])
  assert len(records.files(workdir)) == 2
  with (workdir / 'metrics.csv').open() as file:
    seconds = [float(row['seconds']) for row in csv.DictReader(file)]
  assert seconds == sorted(seconds)
  truth = simulated.truth_of(workdir)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-5


@pytest.mark.parametrize('backups', [0, 2])
def test_a_synchronous_step_takes_an_order_statistic(tmp_path, backups):
  workdir, replicas = tmp_path / 'run', 6
  needed = replicas - backups
  fields = {
    'algorithm': 'synchronous',
    'cluster.num_replicas': replicas,
    'synchronous.backup_workers': backups,
    'cluster.latency_seconds': 0.02,
    'simulation.update_seconds': 0.003,
    'num_steps': 50 * needed,
    'server.optimizer': 'sgd',
  }
  summary = simulated.train(workdir, **fields)
  found = np.sort(records.read(workdir), order=['step', 'replica'])
  found = found.reshape(50, replicas)
  machines = Machines(simulated.config_of(**fields), 0.0)
  drawn = np.array(
    [[machines.step_seconds(r, s, 0.0) for r in range(replicas)] for s in range(50)]
  )
  takes = np.sort(drawn, axis=1)[:, needed - 1] + 0.02 + 0.003
  ends = np.nanmax(found['update_end'][..., 0], axis=1)
  np.testing.assert_allclose(ends, np.cumsum(takes), rtol=1e-9)
  assert ((found['status'] == 1).sum(axis=1) == needed).all()
  assert summary['steps'] == 50 * needed and summary['staleness']['max'] == 0


def test_one_process_is_the_same_run_as_one_synchronous_replica(tmp_path):
  fields = {'num_steps': 60, 'eval_steps': 20}
  alone = simulated.train(tmp_path / 'sgd', algorithm='sgd', **fields)
  fields |= {'cluster.num_replicas': 1}
  simulated.train(tmp_path / 'sync', algorithm='synchronous', **fields)
  one, other = (runs.checkpointed(tmp_path / name) for name in ('sgd', 'sync'))
  np.testing.assert_array_equal(one, other)
  assert alone['clock'] == 'virtual'


def test_the_progress_is_shown(tmp_path):
  screen = simulated.screen_of(tmp_path / 'run', num_steps=200)
  assert '200/200 steps' in screen and 'hold-out accuracy' in screen


def test_more_backups_than_replicas_are_refused(tmp_path):
  fields = {'algorithm': 'synchronous', 'synchronous.backup_workers': 4}
  with pytest.raises(errors.ConfigError, match='must be less than the 4 replicas'):
    simulated.train(tmp_path / 'run', **fields)


@pytest.mark.parametrize(
  ('fields', 'why'),
  [
    ({'cluster.latency_seconds': 10.0}, 'fetch and push among them'),
    # All alone each would have the time, but not behind 19 others.
    ({'simulation.shard_bandwidth': 5e4}, 'replicas died before their push came'),
  ],
)
def test_replicas_that_only_ever_die_are_not_waited_for(tmp_path, capfd, fields, why):
  fields = {'cluster.num_replicas': 20, 'data.num_utterances': 200, **TINY, **fields}
  fields |= {'cluster.step_seconds': 0.01, 'simulation.life_seconds': 0.08}
  fields['simulation.restart_seconds'] = 0.0
  config = simulated.config_of(**fields)
  assert run.launch(config, str(tmp_path / 'run'), clock='virtual') == errors.BAD_INPUT
  last = capfd.readouterr().err.splitlines()[-1]
  assert last.startswith('error: config.simulation.life_seconds (0.08) is too short')
  assert why in last


def test_a_machine_may_be_slower_without_padding(tmp_path):
  fields = {'cluster.slowdown': (1, 1, 1, 4), 'simulation.compute_seconds': 0.1, **TINY}
  fields |= {'cluster.step_seconds': 0.0, 'num_steps': 1300, 'eval_steps': 1300}
  summary = simulated.train(tmp_path / 'run', **fields)
  steps = [replica['steps'] for replica in summary['replicas']]
  assert steps[3] == pytest.approx(100, abs=5)


def test_a_cluster_has_no_backup_workers():
  fields = {'algorithm': 'synchronous', 'synchronous.backup_workers': 1}
  config = simulated.config_of(num_steps=240, **fields)
  with pytest.raises(errors.ConfigError, match='--clock=virtual'):
    config_lib.check(config)
  config_lib.check(config, 'virtual')


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
def test_a_signal_writes_a_checkpoint_and_the_same_command_resumes(tmp_path, algorithm):
  """What is under way when it comes is neither lost nor done twice."""
  workdir = tmp_path / 'run'
  fields = {'num_steps': 20_000, 'eval_steps': 20_000, 'algorithm': algorithm}
  words = runs.command(workdir, **{**simulated.SMALL, **fields})
  with warm.Process([*words, '--clock=virtual'], env=runs.environment()) as process:
    runs.eventually(lambda: runs.num_records(workdir) > 200)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
  kept = checkpoints.latest(workdir / 'checkpoints')
  assert 200 < kept.steps < 20_000
  assert Replay(workdir).difference(Replay(workdir).at()).parameters < 1e-5
  fields['num_steps'] = kept.steps + 96
  summary = simulated.train(workdir, **fields)
  assert summary['resumed_from'] == kept.steps
  assert summary['steps'] == kept.steps + 96


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous', 'sgd'])
def test_a_file_that_is_missing_ends_the_run_for_good(tmp_path, algorithm):
  own = {
    'algorithm': algorithm,
    'cluster.num_replicas': 1 if algorithm == 'sgd' else 3,
    'model.name': 'tests.users:network',
    'data.name': 'tests.users:opens_a_missing_file',
    'data.shuffle_buffer': 64,
  }
  config = simulated.config_of(**own)
  origin = provenance.Invocation.of_this_process()
  stream = io.StringIO()
  (tmp_path / 'config.json').write_text(config_lib.to_json(config))
  assert launch.launch(config, str(tmp_path), origin, stream) == errors.FAILED
  told = stream.getvalue()
  assert 'NotFoundError: Error in user-defined function' in told
  assert f'{users.MISSING_FILE}; No such file or directory\n' in told
  assert 'the same command resumes' not in told


@pytest.mark.parametrize(('processors', 'spread'), [(2, True), (64, False)])
def test_gradients_are_spread_over_the_processors_that_may_be_used(
  monkeypatch, processors, spread
):
  given = []
  threading = tf.config.threading
  monkeypatch.setattr(os, 'cpu_count', lambda: 66 - processors)
  monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(processors)))
  for name in ('set_intra_op_parallelism_threads', 'set_inter_op_parallelism_threads'):
    monkeypatch.setattr(threading, name, given.append)
  launch._spread_gradients(8)
  assert given == ([1, processors] if spread else [])


def test_the_picture_of_a_finished_run_says_that_it_is_finished(tmp_path, monkeypatch):
  said = []

  def look(found):
    said.append(swarm._why_not(found))
    return {}

  monkeypatch.setattr(gallery, 'of_run', look)
  fields = {'num_steps': 60, 'eval_steps': 60, 'telemetry.pictures': True}
  simulated.train(tmp_path / 'run', **fields)
  assert said == ['fewer than 3 evaluations, or no time for so large a model']


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
def test_a_users_data_function_is_called_once_more_for_each_split(
  tmp_path, monkeypatch, algorithm
):
  """To find random numbers before the run; training is on what the first call gave."""
  splits = []
  call = own_data.OwnData.dataset

  def dataset(self, split):
    splits.append(split)
    return call(self, split)

  monkeypatch.setattr(own_data.OwnData, 'dataset', dataset)
  own = {'model.name': 'tests.users:network', 'data.name': 'tests.users:examples'}
  simulated.train(tmp_path / 'run', algorithm=algorithm, num_steps=60, **own)
  assert sorted(splits) == ['holdout', 'holdout', 'train', 'train']


@pytest.mark.parametrize('overlap', [False, True])
def test_the_time_between_two_windows_is_no_waiting(tmp_path, overlap):
  fields = {'simulation.window_seconds': 0.5, 'downpour.window_steps': 10}
  fields |= {'num_steps': 240, 'downpour.overlap': overlap}
  summary = simulated.train(tmp_path / 'run', **fields)
  found = records.read(tmp_path / 'run')
  for row in summary['replicas']:
    own = found[found['replica'] == row['replica']]
    opening = own[own['opens_window']]
    between = opening['wait_end'] - opening['wait_start']
    # The first window of a replica begins when it has registered.
    assert between == pytest.approx(0.5)
    assert row['between_windows'] == pytest.approx(between.sum() / summary['seconds'])
    assert row['waiting'] < 0.1  # At the run's end, when others still have steps.


def test_held_out_data_are_read_once(tmp_path, monkeypatch):
  """By evaluations, and for the loss around the run that is computed at its end."""
  sizes = []
  read = source.Source.holdout

  def holdout(self, batch_size):
    sizes.append(batch_size)
    return read(self, batch_size)

  monkeypatch.setattr(source.Source, 'holdout', holdout)
  monkeypatch.setattr(final_pictures, '_SECONDS', 60.0)  # On a busy machine, too.
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=120, eval_steps=30, **runs.SAMPLED)
  assert len(metrics.read_csv(workdir)) == 4
  assert swarm_analysis.load(workdir)[1] is not None
  assert sizes == [1024]


def test_a_resumed_run_shows_no_step_twice_in_tensorboard(tmp_path):
  workdir = tmp_path / 'run'
  simulated.train(workdir, num_steps=120, eval_steps=20, checkpoint_seconds=1)
  newest = checkpoints.latest(workdir / 'checkpoints').steps
  for path in (workdir / 'checkpoints').glob(f'ckpt-{newest}*'):
    path.unlink()  # As if it had been killed before the last one was written.
  state = tf.train.get_checkpoint_state(workdir / 'checkpoints')
  *earlier, _ = state.all_model_checkpoint_paths
  tf.compat.v1.train.update_checkpoint_state(
    str(workdir / 'checkpoints'), earlier[-1], earlier
  )
  (workdir / 'summary.json').unlink()
  summary = simulated.train(workdir, num_steps=120, eval_steps=20, checkpoint_seconds=1)
  assert 0 < summary['resumed_from'] < 120
  found = plugin_event_accumulator.EventAccumulator(
    str(workdir), {plugin_event_accumulator.TENSORS: 0}
  ).Reload()
  rows = [row.steps for row in metrics.read_csv(workdir)]
  assert [event.step for event in found.Tensors('holdout/loss')] == rows


@pytest.mark.parametrize(
  ('device', 'gpus', 'seen'),
  [('cpu', '0,1', '-1'), ('gpu', '2,3', '2'), ('auto', '1', '1'), ('auto', '', '-1')],
)
def test_the_simulator_sees_what_it_is_to_compute_on(
  tmp_path, monkeypatch, device, gpus, seen
):
  found = []

  def look(*unused):
    found.append(os.environ['CUDA_VISIBLE_DEVICES'])
    return 0

  monkeypatch.setattr(launch, 'launch', look)
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', gpus)
  config = simulated.config_of(**{'cluster.device': device})
  assert run.launch(config, str(tmp_path / 'run'), clock='virtual') == 0
  assert found == [seen] and os.environ['CUDA_VISIBLE_DEVICES'] == gpus


def test_a_gpu_that_the_simulator_has_not_is_refused(tmp_path, monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  config = simulated.config_of(**{'cluster.device': 'gpu'})
  with pytest.raises(errors.ConfigError, match=r"cluster.device \('gpu'\) needs a GPU"):
    run.launch(config, str(tmp_path / 'run'), clock='virtual')
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('earlier_version', [False, True])
def test_a_run_with_a_model_handed_over_can_be_moved(tmp_path, earlier_version):
  """An earlier version named the model by its whole path."""

  def train(workdir, num_steps):
    config = simulated.config_of(num_steps=num_steps)
    return distbelief.train(
      config, workdir, users.network(), users.examples, clock='virtual'
    )

  before, after = tmp_path / 'before', tmp_path / 'after' / 'moved'
  train(before, 60)
  path = before / 'config.json'
  stored = json.loads(path.read_text())
  assert stored['model']['name'] == 'given.keras'
  if earlier_version:
    stored['model']['name'] = str(before / 'given.keras')
    path.write_text(json.dumps(stored))
    assert train(before, 80)['resumed_from'] == 60
  after.parent.mkdir()
  before.rename(after)
  assert train(after, 100)['resumed_from'] == 80 if earlier_version else 60
  assert Run(after).config.model.name == str(after / 'given.keras')
  config = config_lib.from_json((after / 'config.json').read_text())
  config.num_steps = 120  # The command line knows its name only.
  assert run.launch(config, str(after), command=['test'], clock='virtual') == 0
  replay = Replay(after)
  assert replay.difference(replay.at()).parameters < 1e-5
