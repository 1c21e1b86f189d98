"""A rule that asks for facts of a push: on shards, simulated and replayed, and NumPy."""

import sys

import numpy as np
import pytest

from distbelief import errors
from distbelief.algorithms import rules, synchronous
from distbelief.replay.replay import Replay
from distbelief.telemetry import records
from tests import in_process, runs, slow_truth
from tests.simulation import simulated

RULE = """
import tensorflow as tf

SLOTS = ()

def by_replica(slots, gradient, staleness, rate, *, index, replicas):
  share = tf.cast(index + 1, gradient.dtype) / replicas
  return rate * share * gradient, slots
"""
REPLICAS, RATE, ALPHA = 4, 0.2, 0.1  # As many as the cluster has workers.


class ByReplica:
  """The same in NumPy."""

  facts = ('index', 'replicas')

  def __init__(self, rate, unused_size):
    self.rate = rate

  def delta(self, gradient, index, replicas):
    return self.rate * (index + 1) / replicas * gradient


@pytest.fixture
def add_rule(tmp_path, monkeypatch):
  """Adds a rule, a file's text, until the test is over."""

  def add(name, text):
    (tmp_path / f'{name}.py').write_text(text)
    monkeypatch.setattr(rules, '__path__', [*rules.__path__, str(tmp_path)])
    # The import system forgets it with the test.
    monkeypatch.setitem(sys.modules, f'{rules.__name__}.{name}', None)
    del sys.modules[f'{rules.__name__}.{name}']

  return add


def test_shards_tell_a_rule_who_pushed_and_how_many_there_are(
  cluster, add_rule, tmp_path
):
  add_rule('by_replica', RULE)
  strategy, coordinator = cluster
  config = in_process.small_config(
    **{
      'server.optimizer': 'by_replica',
      'server.learning_rate': RATE,
      'downpour.learning_rate': ALPHA,
      'downpour.n_fetch': 2,
      'downpour.n_push': 2,
      'downpour.window_steps': 5,
    }
  )
  run = in_process.Cluster(strategy, config, REPLICAS, 2)
  recorder = records.Recorder(tmp_path / 'steps' / '000.bin', 2, REPLICAS, [4] * 2)
  run.grant(60, alone=False)
  look = run.server.poll()
  while look.steps < 60:
    windows = [coordinator.schedule(run.replica.window) for _ in range(REPLICAS)]
    coordinator.join()
    for window in windows:
      result = window.fetch()
      key = int(result.replica), int(result.incarnation)
      recorder.add_window(key, result.pushes, result.pending)
    look = run.server.poll()
    for shard, log in enumerate(look.logs):
      recorder.add_log(shard, log)
  found = records.read(tmp_path)
  assert len(found) == 60 and len(np.unique(found['replica'])) > 1

  def gradient_at(params, replica, step):
    return slow_truth.gradient(params, *run.minibatch(replica, step))

  initial = [p.numpy() for p in run.objective.initial]
  truth = slow_truth.Truth(initial, 2, ByReplica, RATE, ALPHA, gradient_at, REPLICAS)
  np.testing.assert_allclose(run.parameters(), truth.replay(found), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('overlap', [False, True])
def test_the_simulator_and_replay_tell_it_too(add_rule, tmp_path, overlap):
  add_rule('by_replica', RULE)
  workdir = tmp_path / 'run'
  simulated.screen_of(
    workdir,
    **{
      'server.optimizer': 'by_replica',
      'server.learning_rate': 0.02,
      'downpour.n_push': 2,
      'downpour.overlap': overlap,
      'num_steps': 200,
    },
  )
  truth = simulated.truth_of(workdir, rule=ByReplica)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-5
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters < 1e-6


def test_an_update_of_all_replicas_tells_how_many_there_are(add_rule):
  add_rule(
    'mean',
    'SLOTS = ()\n'
    'def mean(slots, gradient, staleness, rate, *, replicas):\n'
    '  return rate * gradient / replicas, slots\n',
  )
  config = in_process.small_config(**{'server.optimizer': 'mean'})
  rule = synchronous.load_rule(config.server, 4)
  assert rule.apply((), 8.0, 0, 0.5) == (1.0, ())


def test_an_update_of_all_replicas_has_no_index(add_rule):
  add_rule('by_replica', RULE)
  config = in_process.small_config(**{'server.optimizer': 'by_replica'})
  with pytest.raises(errors.ConfigError, match=r"asks for 'index', .* algorithm=down"):
    synchronous.load_rule(config.server, 4)


def test_what_is_neither_a_field_nor_a_fact_is_refused(add_rule):
  add_rule('odd', RULE.replace('by_replica', 'odd').replace('index, ', 'weather, '))
  config = in_process.small_config(**{'server.optimizer': 'odd'})
  with pytest.raises(errors.ConfigError) as caught:
    rules.load(config.server)
  told = str(caught.value)
  assert "config.server.optimizer ('odd') asks for 'weather'" in told
  assert '(learning_rate, momentum, optimizer)' in told and '(index, replicas)' in told
  assert '\n' not in told


def test_the_facts_are_frozen():
  with pytest.raises(TypeError):
    rules.FACTS['weather'] = 'Sunny.'
