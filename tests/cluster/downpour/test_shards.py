"""Shards under contention: every update whole, once, in an order of the shard's own."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief.algorithms import rules, server
from distbelief.cluster.downpour import update, versions
from distbelief.telemetry import steps as steps_lib
from tests import in_process

REPLICAS, SHARDS, PUSHES = 4, 3, 150


def adding_rule():
  """A push of ones adds one: a shard's value is then its version."""
  config = in_process.small_config(**{'server.optimizer': 'sgd'})
  return server.ServerRule(rules.load(config.server), rate=-1.0)


def test_value_is_version_on_every_fetch(cluster):
  strategy, coordinator = cluster
  config = in_process.small_config(**{'server.optimizer': 'sgd'})
  run = in_process.Cluster(strategy, config, REPLICAS, SHARDS, rule=adding_rule())
  parameters = run.server
  for shard, state in zip(parameters.shards, parameters.snapshot()):
    shard.restore(*tf.nest.flatten(state._replace(vector=np.zeros_like(state.vector))))
  width = len(steps_lib.COLUMNS) + SHARDS

  @tf.function(autograph=False)
  def push_ones():
    """Registers, then pushes and fetches in turn; returns what fetches brought."""
    replica = in_process.worker_index()
    client = parameters.shards[0].register(replica, tf.constant(-1, tf.int64))
    number = client[steps_lib.INCARNATION]
    others = [shard.register(replica, number) for shard in parameters.shards[1:]]

    def body(sequence, wrong, behind):
      currents = []
      for shard in parameters.shards:
        ones = tf.concat([tf.ones([shard.size]), tf.zeros([versions.TAIL])], axis=0)
        header = tf.stack([replica, number, sequence, sequence + 1, 0, 0])
        currents.append(
          shard.push(ones, tf.zeros([0]), header, tf.zeros([1, width], tf.float64))
        )
      with tf.control_dependencies(currents):
        start = tf.timestamp()
      for shard in parameters.shards:
        vector = shard.fetch(start)
        version = tf.cast(versions.version_of(vector), tf.float32)
        wrong += tf.reduce_sum(tf.cast(vector[: -versions.TAIL] != version, tf.int32))
        # Its own pushes are in what a replica fetches.
        behind += tf.cast(version < tf.cast(sequence, tf.float32) + 1, tf.int32)
      return sequence + 1, wrong, behind

    with tf.control_dependencies(others):
      first = tf.zeros([], tf.int64)
    return tf.while_loop(
      lambda sequence, *_: sequence < PUSHES,
      body,
      (first, tf.constant(0), tf.constant(0)),
      parallel_iterations=1,
    )

  results = [coordinator.schedule(push_ones) for _ in range(REPLICAS)]
  coordinator.join()
  for result in results:
    assert [int(value) for value in result.fetch()] == [PUSHES, 0, 0]
  look = parameters.poll()
  total = sum(shard.size for shard in parameters.shards)
  assert total % SHARDS, 'the shards must be uneven'
  # Each of four closures ran somewhere; a worker that ran two pushed as two incarnations.
  assert look.versions.tolist() == [REPLICAS * PUSHES] * SHARDS
  for log in look.logs:
    assert log[:, 0].tolist() == list(range(1, REPLICAS * PUSHES + 1))
  np.testing.assert_array_equal(run.parameters(), REPLICAS * PUSHES)


@pytest.mark.parametrize(('value', 'first'), [(0.0, 0.0), (1e-25, 0.1), (1e20, 0.1)])
def test_adagrad_at_a_shard_with_extreme_gradients(cluster, value, first):
  config = in_process.small_config(**{'server.learning_rate': 0.1})
  run = in_process.Cluster(cluster[0], config, 1, 1)
  (shard,) = run.server.shards
  zero = tf.constant(0, tf.int64)
  shard.register(zero, tf.constant(-1, tf.int64))
  gradient = tf.concat([tf.fill([shard.size], value), tf.zeros([versions.TAIL])], axis=0)
  rows = tf.zeros([1, len(steps_lib.COLUMNS) + 1], tf.float64)
  before = run.parameters()
  for sequence in range(5):
    header = update.PushHeader(0, 0, sequence, sequence + 1, sequence, 0)
    shard.push(gradient, tf.zeros([0]), tf.constant(header, tf.int64), rows)
    if sequence == 0:
      np.testing.assert_allclose(before - run.parameters(), first, atol=1e-6)
  assert np.isfinite(run.parameters()).all()
  assert run.server.poll().versions.tolist() == [5]


def test_slots_are_reset_when_the_warm_start_ends(cluster):
  config = in_process.small_config(**{'server.learning_rate': 0.5})
  rule = server.ServerRule(rules.load(config.server), 0.5, reset_slots=True)
  run = in_process.Cluster(cluster[0], config, 1, 1, rule=rule)
  (shard,) = run.server.shards
  zero = tf.constant(0, tf.int64)
  shard.register(zero, tf.constant(-1, tf.int64))
  rows = tf.zeros([1, len(steps_lib.COLUMNS) + 1], tf.float64)
  roots = []
  for sequence, (size, warm) in enumerate([(3.0, 1), (4.0, 1), (2.0, 0), (2.0, 0)]):
    gradient = tf.concat([tf.fill([shard.size], size), tf.zeros([versions.TAIL])], axis=0)
    header = update.PushHeader(0, 0, sequence, sequence + 1, sequence, warm)
    shard.push(gradient, tf.zeros([0]), tf.constant(header, tf.int64), rows)
    roots.append(float(run.server.snapshot()[0].slots[0][0]))
  np.testing.assert_allclose(roots, [3, 5, 2, np.sqrt(8)], rtol=1e-6)
