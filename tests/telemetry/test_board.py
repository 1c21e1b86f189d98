"""TensorBoard's event file, read back as TensorBoard does."""

import itertools
import re
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import (
  event_accumulator,
  plugin_event_accumulator,
)
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer import event_file_writer

from distbelief import config as config_lib
from distbelief.algorithms import catalog
from distbelief.analysis import summary
from distbelief.telemetry import board, swarm, tally
from tests.runs import ROOT
from tests.telemetry.made_up import log, push


@pytest.fixture
def seconds(monkeypatch):
  """Every file is of another second: that is in its name, whose order counts."""
  count = itertools.count(1_700_000_000)
  patched = types.SimpleNamespace(time=lambda: next(count))
  monkeypatch.setattr(event_file_writer, 'time', patched)


@pytest.fixture
def writer(workdir):
  return board.MetricWriter(workdir, config_lib.default_config())


def events(workdir):
  # All of them: by default it keeps a sample.
  sizes = {event_accumulator.TENSORS: 0}
  return event_accumulator.EventAccumulator(str(workdir), sizes).Reload()


def plugin(workdir, tag):
  content = events(workdir).PluginTagToContent('hparams')[tag]
  return plugin_data_pb2.HParamsPluginData.FromString(content)


def test_distributions_are_there(workdir, writer):
  writer.histograms(10, {'staleness/shard_0': np.array([0, 1, 1, 5])})
  found = events(workdir)
  assert found.SummaryMetadata('staleness/shard_0').plugin_data.plugin_name == (
    'histograms'
  )
  (event,) = found.Tensors('staleness/shard_0')
  buckets = tf.make_ndarray(event.tensor_proto)
  assert (event.step, buckets[:, 2].sum()) == (10, 4)
  assert (buckets[0, 0], buckets[-1, 1]) == (0, 5)


def test_of_many_values_evenly_spread_ranks_stand_for_all():
  values = np.random.default_rng(0).permutation(100_000)
  thin = board._thinned(values)
  assert len(thin) == 1000 and (thin[0], thin[-1]) == (0, 99_999)
  assert thin.mean() == pytest.approx(values.mean(), rel=1e-3)


def test_every_metric_of_the_hparams_tab_is_a_scalar_of_that_very_tag(workdir, writer):
  fields = {
    'holdout_accuracy': 0.5,
    'holdout_metrics': {'loss': 2.0},
    'seconds': 3.0,
    'seconds_to_target': 1.0,
    'examples_per_second': 64.0,
    'staleness': {'mean': 1.5},
    'replicas': [{'waiting': 0.25}, {'waiting': None}],
  }
  writer.finish(100, summary.final(fields))
  experiment = plugin(workdir, '_hparams_/experiment').experiment
  wanted = {info.name.tag for info in experiment.metric_infos}
  found = events(workdir)
  assert wanted <= set(found.Tags()['tensors'])
  for tag in wanted:
    assert found.SummaryMetadata(tag).plugin_data.plugin_name == 'scalars'
  assert plugin(workdir, '_hparams_/session_end_info').session_end_info.status
  # What the tab has columns for is what the run says of itself.
  start = plugin(workdir, '_hparams_/session_start_info').session_start_info
  named = {info.name for info in experiment.hparam_infos}
  assert named <= set(config_lib.flatten(config_lib.default_config()))
  assert named - set(start.hparams) == {'cluster.num_replicas'} | {
    'cluster.num_parameter_servers'
  }  # Left open here.


def test_what_there_is_not_is_left_out(workdir, writer):
  writer.finish(1, {'summary/seconds': 1.0, 'summary/seconds_to_target': None})
  tags = events(workdir).Tags()['tensors']
  assert 'summary/seconds' in tags and 'summary/seconds_to_target' not in tags


def test_the_layout_is_the_same_whatever_the_run(workdir, writer, tmp_path):
  other = tmp_path / 'other'
  other.mkdir()
  config = config_lib.default_config()
  config.algorithm = 'synchronous'
  board.MetricWriter(other, config).close()
  texts = []
  for path in (workdir, other):
    (event,) = events(path).Tensors('custom_scalars__config__')
    texts.append(event.tensor_proto.string_val[0])
  assert texts[0] == texts[1]
  layout = layout_pb2.Layout.FromString(texts[0])
  for category in layout.category:
    for chart in category.chart:
      (pattern,) = chart.multiline.tag
      assert pattern.startswith('^') and pattern.endswith('$')


def test_a_picture_can_be_looked_at(workdir, writer):
  png = tf.io.encode_png(tf.zeros([4, 6, 3], tf.uint8)).numpy()
  writer.image(7, 'pictures/timeline', png, 'who did what')
  (event,) = events(workdir).Tensors('pictures/timeline')
  assert event.tensor_proto.string_val[:2] == [b'6', b'4']


def test_a_resumed_run_does_not_introduce_itself_twice(workdir, seconds, writer):
  writer.scalars(1, {'train/loss': 1.0})
  writer.close()
  again = board.MetricWriter(workdir, config_lib.default_config())
  again.scalars(2, {'train/loss': 0.5})
  found = events(workdir)
  assert len(found.Tensors('config')) == 1
  assert len(found.Tensors('custom_scalars__config__')) == 1
  assert [event.step for event in found.Tensors('train/loss')] == [1, 2]


@pytest.mark.parametrize('earlier_version', [False, True])
def test_steps_that_a_resume_undoes_are_not_shown(
  workdir, seconds, monkeypatch, earlier_version
):
  def launch(steps, **resumed):
    writer = board.MetricWriter(workdir, config_lib.default_config(), **resumed)
    for step in steps:
      writer.scalars(step, {'train/loss': float(step)})
    writer.close()

  with monkeypatch.context() as patched:
    if earlier_version:  # Which did not say when a run began.
      patched.setattr(board.MetricWriter, '_mark_start', lambda *unused: None)
    launch([10, 20, 30, 40])
  launch([25, 35, 45], steps_done=20)
  launch([36, 50], steps_done=35)
  found = plugin_event_accumulator.EventAccumulator(
    str(workdir), {plugin_event_accumulator.TENSORS: 0}
  ).Reload()  # As TensorBoard reads with --load_fast=false.
  shown = [event.step for event in found.Tensors('train/loss')]
  assert shown == [10, 20, 25, 35, 36, 50]
  assert len(found.Tensors('config')) == 1


def test_the_documentation_says_what_each_logged_number_is(tmp_path):
  """Every tag that is written stands in the table, and nothing else does."""
  running = tally.Tally(catalog.get('downpour'), 8, [1000, 1000])
  for shard in (0, 1):
    running.add_log(shard, log(1, push(0, 0, held=[0, 0])))
    running.add_log(shard, log(2, push(1, 1, held=[0, 1])))
  scalars, histograms = running.take()
  apart = swarm.SwarmWriter(tmp_path)
  for replica in (0, 1):
    sketches = np.ones([1, 3, swarm.DIMENSION], np.float32)
    apart.add(np.array([[1.0, replica, 0, 1]]), sketches)
  pictures = [f'pictures/{name}' for name in ('timeline', 'staleness', 'swarm')]
  tags = {
    *(*scalars, *histograms, *apart.scalars(), *pictures),
    *(tag for tag, _, _ in board.FINAL),
    *('versions/shard_0', 'holdout/loss', 'holdout/accuracy', 'holdout/<metric>'),
  }
  tags = {re.sub(r'_\d+(?=_|$)', '_<i>', tag) for tag in tags}
  page = (ROOT / 'docs' / 'reference' / 'metrics.md').read_text()
  table = page.split('## TensorBoard')[1].split('## Formulas')[0]
  told = set(re.findall(r'`(\w+/[\w<>]+)`', table))
  assert told == tags, 'see docs/reference/metrics.md'
