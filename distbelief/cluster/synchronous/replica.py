"""A replica that performs every update with all others, in windows of many steps.

Also one replica alone: algorithms synchronous and sgd differ in their collective
operations (cluster/synchronous/collectives.py), and in nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_collections
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import synchronous
from distbelief.algorithms.rules import Rule
from distbelief.algorithms.statistics import Weights
from distbelief.cluster import delays
from distbelief.cluster.synchronous.collectives import Alone
from distbelief.models.objective import Objective
from distbelief.telemetry import steps
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import Status
from distbelief.telemetry.swarm import DIMENSION

_NAN = float('nan')
_WIDTH = len(steps.LOG_COLUMNS) + steps.row_width(1)


class State(NamedTuple):
  """The state of a replica between two steps."""

  step: tf.Tensor  # int64, the replica's next step.
  version: tf.Tensor  # int64, number of updates.
  ready_at: tf.Tensor  # float64, end time of the last step; NaN: there was none.
  weights: Weights
  slots: synchronous.Slots


class Replica:
  """Builds the function that does a window's steps.

  Attributes:
    window: (State, wish) -> (State, agreed, reported, sketches). Every replica wishes
      [steps, signal], int64 [2]; replica 0's number of steps counts, unless there is a
      signal: then the largest counts, and no step is done. `agreed` is the result;
      `reported` has the rows of the steps, [replicas, steps, LOG_COLUMNS + row] float64
      (telemetry/barrier.py), or is empty; `sketches` has those of the parameters and of
      each replica's last gradient, [replicas, 2, DIMENSION] float32, if
      config.telemetry.swarm_seconds asks for them.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    collective: Alone,
    objective: Objective,
    rule: Rule,
    minibatches: tf.data.Dataset,
    incarnation: int,
  ) -> None:
    """Opens the replica's minibatches.

    Args:
      config: Config of the run.
      collective: Collective operations with the other replicas.
      objective: Objective of the run.
      rule: Rule of an update.
      minibatches: Minibatches of the replica, from its next step on.
      incarnation: Incarnation of the replica, for the records.
    """
    self._config, self._collective = config, collective
    self._objective, self._rule = objective, rule
    self._rate = config_lib.learning_rate(config)
    self._minibatches = iter(minibatches)
    self._incarnation = incarnation
    self._packing = synchronous.packing(objective.shapes, objective.statistics_shapes)
    self._num_parameters = objective.layout.size
    self._sketch = Sketch(self._num_parameters, config.seed)
    self.window = tf.function(self._window, autograph=False)

  def _window(
    self, state: State, wish: tf.Tensor
  ) -> tuple[State, tf.Tensor, tf.Tensor, tf.Tensor]:
    wishes = self._collective.run(self._collective.gather, wish)
    signal = tf.reduce_max(wishes[:, 1])
    num_steps = tf.where(signal > 0, tf.zeros_like(signal), wishes[0, 0])

    sampling = self._config.telemetry.swarm_seconds > 0

    def body(
      done: tf.Tensor, state: State, told: tf.TensorArray, gradient: tf.Tensor
    ) -> tuple:
      state, row, found = self._step(state)
      if sampling:
        gradient = tf.cond(
          tf.equal(done, num_steps - 1),
          lambda: self._sketch.part(found, 0),
          lambda: tf.identity(gradient),
        )
      return done + 1, state, told.write(tf.cast(done, tf.int32), row[:width]), gradient

    # No columns: steps are not recorded.
    width = _WIDTH if self._config.telemetry.records else 0
    told = tf.TensorArray(tf.float64, tf.cast(num_steps, tf.int32), element_shape=[width])
    _, state, told, gradient = tf.while_loop(
      lambda done, *_: done < num_steps,
      body,
      (tf.zeros_like(num_steps), state, told, tf.zeros([DIMENSION])),
      parallel_iterations=1,
    )
    rows = told.stack()
    if width:  # A ring cannot gather tensors without elements.
      rows = self._collective.run(self._collective.gather, rows)
    sketches = tf.zeros([0, 2, DIMENSION])
    if sampling:
      found = tf.stack([self._sketch.of(state.weights.params), gradient])
      sketches = self._collective.run(self._collective.gather, found)
    return state, tf.stack([num_steps, signal]), rows, sketches

  def _step(self, state: State) -> tuple[State, tf.Tensor, tf.Tensor]:
    """Compute, wait for all, update."""
    replica = tf.constant(self._collective.index, tf.int64)
    with tf.control_dependencies([state.ready_at]):
      minibatch = next(self._minibatches)
    began = delays.now(tf.nest.flatten(minibatch))
    before = state.weights
    result, compute_end = delays.timed_gradient(
      self._config, self._objective, before, minibatch, replica, state.step, began
    )
    statistics = result.change.apply(before.statistics)
    own, finite = synchronous.contribution([*result.gradient, *statistics])
    packed = self._packing.flatten([*own, tf.cast(finite, tf.float32)])
    total, count = self._sum(packed, compute_end)
    summed = delays.now([*total, count])
    with tf.control_dependencies([summed]):
      count = tf.identity(count)
    num_params = len(before.params)
    params, slots = synchronous.update(
      self._rule,
      self._rate,
      before.params,
      state.slots,
      total[:num_params],
      count,
      self._objective.constraints,
    )
    statistics = synchronous.mean(before.statistics, total[num_params:], count)
    version = state.version + tf.cast(count > 0, tf.int64)
    end = delays.now([*params, *statistics, *tf.nest.flatten(slots)])
    of_update = {
      'version_applied': version,
      'status': tf.where(finite, int(Status.APPLIED), int(Status.DROPPED)),
      'staleness': tf.where(finite, 0, steps.NOT_STALE),
      'applied_at': summed,
      'update_end': end,
    }
    of_step = {
      'replica': replica,
      'incarnation': self._incarnation,
      'step': state.step,
      'batch': state.step,
      'sequence': state.step,
      'pushed': 1.0,
      'gradients': 1.0,
      'fresh': 1.0,
      'opens_window': 0.0,  # What passes between windows is in no record.
      'loss': result.loss,
      'accuracy': result.accuracy,
      'fetch_start': _NAN,  # No fetch: every replica has the parameters.
      'fetch_end': _NAN,
      'compute_start': began,
      'compute_end': compute_end,
      'wait_start': _NAN,  # Known when all have reported (telemetry/barrier.py).
      'wait_end': _NAN,
    }
    row = steps.log_row(of_update, of_step, [state.version])
    row = tf.stack([tf.cast(value, tf.float64) for value in row])
    weights = Weights(params, statistics)
    return (
      State(state.step + 1, version, end, weights, slots),
      row,
      packed[: self._num_parameters],
    )

  def _sum(
    self, packed: tf.Tensor, start: tf.Tensor
  ) -> tuple[synchronous.Tensors, tf.Tensor]:
    """Returns the sum of all contributions, and the number of gradients in it."""
    if self._collective.num_replicas > 1:
      start = delays.latency(self._config.cluster, start)
    with tf.control_dependencies([start]):
      packed = tf.identity(packed)
    # Only this in the strategy's context: there Keras divides losses by the number of
    # replicas.
    total = self._collective.run(self._collective.sum, packed)
    *total, count = self._packing.unflatten(total)
    return total, count
