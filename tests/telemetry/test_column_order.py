"""No place relies on where a column of a row or of a log stands, only on its name."""

import json
import subprocess
import sys

import numpy as np
import pytest

from distbelief.telemetry import records, steps

# With the columns in another order before anything else is imported.
PROGRAM = """
import random, sys
from pathlib import Path
from distbelief.telemetry import steps

def shuffled(names):
  names = list(names)
  random.Random(3).shuffle(names)
  return tuple(names)

if sys.argv[1] == 'shuffled':
  before = steps.COLUMNS, steps.LOG_COLUMNS
  steps.COLUMNS, steps.LOG_COLUMNS = shuffled(before[0]), shuffled(before[1])
  steps.OF_PUSH = shuffled(steps.OF_PUSH)
  steps.COLUMN = {name: i for i, name in enumerate(steps.COLUMNS)}
  steps.LOG_COLUMN = {name: i for i, name in enumerate(steps.LOG_COLUMNS)}
  assert (steps.COLUMNS, steps.LOG_COLUMNS) != before

import numpy as np
import tensorflow as tf
from distbelief.cluster.synchronous import collectives, replica
from distbelief.cluster.synchronous.leader import Start
from distbelief.algorithms import synchronous
from distbelief.telemetry import barrier, records
from tests import in_process
from tests.simulation import simulated

folder = Path(sys.argv[2])
fields = {'num_steps': 60, 'telemetry.pictures': False}
simulated.screen_of(folder / 'downpour', **fields, **{'downpour.n_push': 2})
simulated.screen_of(folder / 'synchronous', **fields, algorithm='synchronous')

config = in_process.small_config(**{'downpour.n_fetch': 2, 'downpour.n_push': 3})
strategy, _ = in_process.connect(num_workers=1, num_ps=2)
run = in_process.Cluster(strategy, config, 1, 2)
path = folder / 'cluster' / 'steps' / '000.bin'
recorder = records.Recorder(path, 2, 1, [4] * 2)
for limit in (7, 12):
  run.grant(limit)
  result = run.replica.window()
  recorder.add_window((0, 0), result.pushes.numpy(), result.pending.numpy())
  for shard, log in enumerate(run.server.poll().logs):
    recorder.add_log(shard, log)

rule = synchronous.load_rule(config.server, 1)
objective = run.objective
start = Start.zeros(1 + len(rule.slots), sum(run.sharding.sizes), 0, 1)
together = replica.Replica(
  config, collectives.Alone(), objective, rule,
  run.source.minibatches(0, 1, tf.constant(0, tf.int64), 8, 0), 0,
)
wish = tf.constant([5, 0], tf.int64)
_, _, told, _ = together.window(start.state(0, objective), wish)
log, travelled = barrier.to_log(told.numpy())
recorder = records.Recorder(folder / 'sgd' / 'steps' / '000.bin', 1, 1, [4])
recorder.add_log(0, log)
for key, pushes in travelled.items():
  recorder.add_window(key, pushes, log[:0, len(steps.LOG_COLUMNS):])
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
  """Records of four kinds of runs, with the columns as they are and in another order."""
  found = {order: tmp_path_factory.mktemp(order) for order in ('usual', 'shuffled')}
  programs = []
  for order, folder in found.items():
    command = [sys.executable, '-c', PROGRAM, order, str(folder)]
    with (folder / 'output').open('w') as file:
      programs.append(subprocess.Popen(command, stdout=file, stderr=file))
  for folder, program in zip(found.values(), programs):
    assert program.wait() == 0, (folder / 'output').read_text()[-2000:]
  return found


@pytest.mark.parametrize('kind', ['downpour', 'synchronous', 'cluster', 'sgd'])
def test_columns_in_another_order_are_read_back_the_same(folders, kind):
  (usual, shuffled) = (folders[order] / kind for order in ('usual', 'shuffled'))
  names = [
    [name for name, *_ in records.header(path / 'steps' / '000.bin')['dtype']]
    for path in (usual, shuffled)
  ]
  assert names[0] != names[1] and sorted(names[0]) == sorted(names[1])
  one, other = records.read(usual), records.read(shuffled)  # A file tells its order.
  assert len(one) == len(other) > 0
  for name in names[0]:
    is_time = name.endswith(('_start', '_end', '_at'))
    if is_time and kind in ('cluster', 'sgd'):  # Real ones: known at the same places.
      np.testing.assert_array_equal(np.isnan(one[name]), np.isnan(other[name]))
      past = one[name][~np.isnan(one[name])]
      assert (past > 1e9).all() and (other[name][~np.isnan(other[name])] > 1e9).all()
    else:
      np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize('kind', ['downpour', 'synchronous'])
def test_what_is_reported_is_the_same(folders, kind):
  found = [
    json.loads((folders[order] / kind / 'summary.json').read_text())
    for order in ('usual', 'shuffled')
  ]
  for name in ('staleness', 'version_skew', 'holdout_loss', 'seconds'):
    assert found[0].get(name) == found[1].get(name)


@pytest.mark.parametrize('change', [{'weather': 1}, {'loss': None}])
def test_a_row_has_each_column_once_and_no_other(change):
  values = dict.fromkeys(steps.COLUMNS, 0.0) | change
  values = {name: value for name, value in values.items() if value is not None}
  with pytest.raises(KeyError, match='missing, or not a column'):
    steps.row(values, [0])
