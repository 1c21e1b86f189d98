"""metrics.csv and TensorBoard's files, read back."""

import math

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from distbelief import config as config_lib
from distbelief.telemetry import board, metrics

ROWS = [
  metrics.Evaluation(1.25, 200, 12_800, 199, math.nan, 2.5, 0.125),
  metrics.Evaluation(2.5, 400, 25_600, 398, 1.75, 2.25, 0.5),
  metrics.Evaluation(1 / 3, 123_456_789, 2**40, 2**24 + 1, 1e-7, 12_345.6, 1.0),
]


@pytest.fixture
def writer(workdir):
  config = config_lib.default_config()
  config.server.learning_rate = 0.25
  config.model.hidden_units = (7, 5)
  return board.MetricWriter(workdir, config)


def events(workdir):
  accumulator = event_accumulator.EventAccumulator(str(workdir))
  return accumulator.Reload()


def test_csv_comes_back_as_it_was_written(workdir, writer):
  assert metrics.read_csv(workdir) == []
  for row in ROWS:
    writer.evaluation(row)
  for found, written in zip(metrics.read_csv(workdir), ROWS, strict=True):
    assert found[:-1] == pytest.approx(written[:-1], rel=1e-5, nan_ok=True)
    assert found[1:4] == written[1:4]  # Counts to the last digit.


def test_other_metrics_have_columns_of_their_own(workdir, writer):
  rows = [
    row._replace(holdout_accuracy=math.nan, more={'mae': 0.5, 'r2': -1.0}) for row in ROWS
  ]
  for row in rows:
    writer.evaluation(row)
  head = (workdir / 'metrics.csv').read_text().splitlines()[0]
  assert head.endswith('holdout_loss,holdout_accuracy,holdout_mae,holdout_r2')
  metrics.forget_after(workdir, 400)
  found = metrics.read_csv(workdir)
  assert [row.more for row in found] == [{'mae': 0.5, 'r2': -1.0}] * 2
  tags = events(workdir).Tags()['tensors']
  assert 'holdout/mae' in tags and 'holdout/accuracy' not in tags


def test_metrics_that_come_and_go_keep_their_columns(workdir, writer):
  given = [{'a': 1.0}, {'b': 2.0, 'a': 3.0}, {'b': 4.0}, {'b': 5.0}]
  for row, more in zip([*ROWS, ROWS[-1]], given):
    writer.evaluation(row._replace(more=more))
  lines = (workdir / 'metrics.csv').read_text().splitlines()
  assert lines[0].endswith('holdout_accuracy,holdout_a,holdout_b')
  found = [row.more for row in metrics.read_csv(workdir)]
  assert found == given
  metrics.forget_after(workdir, 400)
  assert [row.more for row in metrics.read_csv(workdir)] == found[:2]


def test_csv_goes_on_after_a_resume(workdir, writer):
  writer.evaluation(ROWS[0])
  writer.close()
  again = board.MetricWriter(workdir, config_lib.default_config())
  again.evaluation(ROWS[1])
  assert [row.steps for row in metrics.read_csv(workdir)] == [200, 400]


@pytest.mark.parametrize(
  ('steps', 'left'), [(0, []), (199, []), (200, [200]), (401, [200, 400])]
)
def test_rows_after_a_checkpoint_are_forgotten(workdir, writer, steps, left):
  for row in ROWS:
    writer.evaluation(row)
  metrics.forget_after(workdir, steps)
  assert [row.steps for row in metrics.read_csv(workdir)] == left
  writer.evaluation(ROWS[2])
  assert len(metrics.read_csv(workdir)) == len(left) + 1


def test_forgetting_where_nothing_is_makes_no_file(workdir):
  metrics.forget_after(workdir, 0)
  assert not (workdir / 'metrics.csv').exists()


def scalars(accumulator, tag):
  found = [(e.step, tf.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
  assert accumulator.SummaryMetadata(tag).plugin_data.plugin_name == 'scalars'
  return found


def test_tensorboard_s_wall_time_is_the_clock_s(workdir):
  seconds = iter([0.0, 0.0, 12.5, 99.0])  # Two events introduce the run.
  writer = board.MetricWriter(workdir, config_lib.default_config(), lambda: next(seconds))
  writer.scalars(1, {'train/loss': 2.5})
  writer.scalars(2, {'train/loss': 1.5})
  found = events(workdir).Tensors('train/loss')
  assert [event.wall_time for event in found] == [12.5, 99.0]


def test_tensorboard_reads_the_scalars(workdir, writer):
  writer.scalars(10, {'train/loss': 2.5, 'staleness/mean': 1.0})
  writer.scalars(20, {'train/loss': 1.5})
  writer.evaluation(ROWS[0])
  found = events(workdir)  # Without close: a run is watched while it lasts.
  assert scalars(found, 'train/loss') == [(10, 2.5), (20, 1.5)]
  assert scalars(found, 'staleness/mean') == [(10, 1.0)]
  assert scalars(found, 'holdout/loss') == [(200, 2.5)]
  assert scalars(found, 'holdout/accuracy') == [(200, 0.125)]


def test_tensorboard_shows_the_config(workdir, writer):
  writer.close()
  (event,) = events(workdir).Tensors('config')
  text = event.tensor_proto.string_val[0].decode()
  assert '| server.learning_rate | `0.25` |' in text
  assert text.count('\n') == len(config_lib.FIELDS) + 1


def test_tensorboard_compares_runs_by_their_hyperparameters(workdir, writer):
  writer.close()
  content = events(workdir).PluginTagToContent('hparams')
  data = plugin_data_pb2.HParamsPluginData.FromString(
    content['_hparams_/session_start_info']
  )
  hyperparameters = data.session_start_info.hparams
  assert hyperparameters['server.learning_rate'].number_value == 0.25
  assert hyperparameters['server.optimizer'].string_value == 'adagrad'
  assert hyperparameters['downpour.overlap'].bool_value is False
  assert hyperparameters['model.hidden_units'].string_value == '(7, 5)'
  assert 'target_accuracy' not in hyperparameters  # Left open.
  assert data.session_start_info.group_name == ''  # So its path is its name.


def test_a_row_that_kill_9_cut_is_left_out(workdir, writer):
  for row in ROWS[:2]:
    writer.evaluation(row)
  path = workdir / 'metrics.csv'
  path.write_text(path.read_text()[:-12])
  assert [row.steps for row in metrics.read_csv(workdir)] == [200]
