"""Downpour's client: one step of a replica, as in the paper's appendix, in the graph.

    fetch if due; compute the gradient; accrue it; take a local step; push if due

in one of two cycles: blocking, one after the other, or with fetch and push overlapping
the computing. algorithms/downpour.py defines what is due, accruing and local steps;
window.py makes steps a window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from distbelief.algorithms import downpour
from distbelief.algorithms.downpour import DownpourOptions
from distbelief.algorithms.statistics import AffineUpdate, Weights
from distbelief.cluster import delays
from distbelief.cluster.downpour.parameter_server import ParameterServer, PushRequest
from distbelief.cluster.downpour.sampler import Sampler, Sampling
from distbelief.cluster.downpour.step_rows import StepRowBuffer
from distbelief.data.source import Minibatch
from distbelief.models.objective import Gradient, Objective

_NAN = float('nan')


class ReplicaState(NamedTuple):
  """The state of a replica between two steps; all of it is on its worker."""

  incarnation: tf.Tensor  # int64; -1: must register (a new process, a window that died).
  step: tf.Tensor  # int64, the next one.
  sequence: tf.Tensor  # int64, number of the next push.
  opens_window: tf.Tensor  # bool, the next step is the first of its window.
  first: tf.Tensor  # bool, no step done since registering.
  count: tf.Tensor  # int64, gradients accrued.
  ready_at: tf.Tensor  # float64, time at which the last step ended.
  fetched_versions: tf.Tensor  # [shards] int64, of the parameters as last fetched.
  oldest_versions: tf.Tensor  # [shards] int64, of the oldest used since the last push.
  noted: tf.Tensor  # [n_push, .] float64, notes on the steps since the last push.
  weights: Weights
  accrued: list[tf.Tensor]
  change: AffineUpdate  # Change of the statistics since the last push.
  sampling: Sampling


class Fetched(NamedTuple):
  """The result of a fetch."""

  weights: Weights
  versions: tf.Tensor  # [shards] int64.
  start: tf.Tensor  # float64, NaN: no fetch.
  end: tf.Tensor


class Pushed(NamedTuple):
  """The outcome of a push."""

  accepted: tf.Tensor  # bool, False: a newer incarnation has replaced this one.
  sampling: Sampling
  start: tf.Tensor  # float64, NaN: no push.
  end: tf.Tensor

  @property
  def went(self) -> tf.Tensor:
    """Whether there was a push, bool."""
    return tf.logical_not(tf.math.is_nan(self.end))


class Client:
  """Builds a replica's steps, fetches and pushes."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    options: DownpourOptions,
    objective: Objective,
    server: ParameterServer,
    sampler: Sampler,
  ) -> None:
    """Stores the parts of a step.

    Args:
      config: Config of the run, for delays, and for whether steps are recorded.
      options: Options that define when fetches and pushes are due.
      objective: Objective of the run.
      server: The parameter server.
      sampler: Sampler that is called at every push.
    """
    self._config, self._options, self._objective = config, options, objective
    self._server, self._sampler = server, sampler
    self._rows_buffer = StepRowBuffer(
      options.n_push, server.sharding.num_shards, config.telemetry.records
    )

  def initial(self) -> ReplicaState:
    """Returns the state of a replica that has not registered yet."""
    objective = self._objective
    zeros = [tf.zeros(shape) for shape in objective.shapes]
    none = tf.zeros([self._server.sharding.num_shards], tf.int64)
    return ReplicaState(
      incarnation=tf.constant(-1, tf.int64),
      step=tf.constant(0, tf.int64),
      sequence=tf.constant(0, tf.int64),
      opens_window=tf.constant(True),
      first=tf.constant(True),
      count=tf.constant(0, tf.int64),
      ready_at=tf.constant(_NAN, tf.float64),
      fetched_versions=none,
      oldest_versions=none,
      noted=self._rows_buffer.none(),
      weights=Weights(zeros, objective.statistics),
      accrued=zeros,
      change=AffineUpdate.identity(objective.statistics),
      sampling=self._sampler.initial(),
    )

  def do_step(
    self, replica: tf.Tensor, state: ReplicaState, next_minibatch: Callable[[], Any]
  ) -> tuple[ReplicaState, Pushed]:
    """Does a step, blocking or overlapped as the options demand.

    Args:
      replica: Index of the replica, int64.
      state: State before the step.
      next_minibatch: Function that creates the operations that get the next minibatch.
    """
    cycle = self._overlapped_step if self._options.overlap else self._blocking_step
    return cycle(replica, state, next_minibatch)

  def _blocking_step(
    self, replica: tf.Tensor, state: ReplicaState, next_minibatch: Callable[[], Any]
  ) -> tuple[ReplicaState, Pushed]:
    """Fetch if due, compute, push if due: one after the other."""
    options = self._options
    with tf.control_dependencies([state.ready_at]):
      minibatch = next_minibatch()
    began = delays.now(tf.nest.flatten(minibatch))
    fresh = downpour.fetch_due(state.step, options.n_fetch) | state.first
    fetched = tf.cond(fresh, lambda: self.fetch(began), lambda: _no_fetch(state))
    compute_start = delays.now([fetched.end, *tf.nest.flatten(fetched.weights)])
    state = state._replace(weights=fetched.weights, fetched_versions=fetched.versions)
    result, compute_end = self._compute(replica, state, minibatch, compute_start)
    times = {
      'fresh': fresh,
      'opens_window': state.opens_window,
      'fetch_start': fetched.start,
      'fetch_end': fetched.end,
      'compute_start': compute_start,
      'compute_end': compute_end,
      'wait_start': state.ready_at,
      'wait_end': began,
    }
    weights = state.weights
    if options.needs_local_steps:
      weights = self._local_step(weights, result)
    state = self._accrue(state, result, times)
    pushed = tf.cond(
      downpour.push_due(state.step, options.n_push),
      lambda: self._push(replica, state, state.step + 1, compute_end),
      lambda: _no_push(state),
    )
    state = self._emptied_if(pushed, state)
    ready_at = tf.where(tf.math.is_nan(pushed.end), compute_end, pushed.end)
    return self._advance(state, weights, ready_at), pushed

  def _overlapped_step(
    self, replica: tf.Tensor, state: ReplicaState, next_minibatch: Callable[[], Any]
  ) -> tuple[ReplicaState, Pushed]:
    """Pushes for the step before, fetches for the step after, and computes: all at once.

    None of the three depends on another, and their results are passed on as loop tensors
    on the worker: TensorFlow then runs them in parallel.
    """
    options = self._options
    minibatch = next_minibatch()
    began = delays.now([state.ready_at, *tf.nest.flatten(minibatch)])
    due = downpour.fetch_due(state.step, options.n_fetch)
    fetched = tf.cond(due, lambda: self.fetch(began), lambda: _no_fetch(state))
    pushed = tf.cond(
      downpour.push_due(state.step - 1, options.n_push) & (state.count > 0),
      lambda: self._push(replica, state, state.step, began),
      lambda: _no_push(state),
    )
    result, compute_end = self._compute(replica, state, minibatch, began)
    times = {
      'fresh': state.first | downpour.fetch_due(state.step - 1, options.n_fetch),
      'opens_window': state.opens_window,
      'fetch_start': fetched.start,
      'fetch_end': fetched.end,
      'compute_start': began,
      'compute_end': compute_end,
      'wait_start': state.ready_at,
      'wait_end': began,
    }
    weights = fetched.weights
    if options.needs_local_steps:
      stepped = self._local_step(state.weights, result)
      weights = tf.cond(due, lambda: fetched.weights, lambda: stepped)
    state = self._accrue(self._emptied_if(pushed, state), result, times)
    # The next step waits for this fetch and this push, and that wait is its own.
    with tf.control_dependencies([fetched.end, pushed.end]):
      ready_at = tf.identity(compute_end)
    state = state._replace(fetched_versions=fetched.versions)
    return self._advance(state, weights, ready_at), pushed

  # The parts of a step.

  def fetch(self, start: tf.Tensor) -> Fetched:
    """Reads every shard, each at its current version.

    Args:
      start: Time at which the fetch starts, float64.
    """
    asked = delays.latency(self._config.cluster, start)
    weights, versions = self._server.fetch(asked)
    end = delays.now([versions, *tf.nest.flatten(weights)])
    return Fetched(weights, versions, start, end)

  def _compute(
    self, replica: tf.Tensor, state: ReplicaState, minibatch: Minibatch, start: tf.Tensor
  ) -> tuple[Gradient, tf.Tensor]:
    """Returns the minibatch's loss and gradient, and the time at which padding ended."""
    return delays.timed_gradient(
      self._config, self._objective, state.weights, minibatch, replica, state.step, start
    )

  def _local_step(self, weights: Weights, result: Gradient) -> Weights:
    return Weights(
      downpour.local_step(weights.params, result.gradient, self._options.alpha),
      result.change.apply(weights.statistics),
    )

  def _accrue(
    self, state: ReplicaState, result: Gradient, times: dict[str, tf.Tensor]
  ) -> ReplicaState:
    """Adds a step's gradient, and notes on it, to the next push."""
    empty, versions = tf.equal(state.count, 0), state.fetched_versions
    oldest = tf.minimum(state.oldest_versions, versions)
    noted = {**times, 'loss': result.loss, 'accuracy': result.accuracy}
    return state._replace(
      count=state.count + 1,
      oldest_versions=tf.where(empty, versions, oldest),
      noted=self._rows_buffer.add(state.noted, state.count, noted, versions),
      accrued=downpour.accrue(state.accrued, result.gradient),
      change=state.change.then(result.change),
    )

  def _push(
    self, replica: tf.Tensor, state: ReplicaState, next_step: tf.Tensor, start: tf.Tensor
  ) -> Pushed:
    """Pushes the accrued gradients; waits until every shard has applied them."""
    warm_steps = self._options.warmstart_steps
    push = PushRequest(
      replica=replica,
      incarnation=state.incarnation,
      sequence=state.sequence,
      next_step=next_step,
      oldest_versions=state.oldest_versions,
      warm=tf.equal(replica, 0) & (next_step <= warm_steps),
      rows=self.rows(replica, state, next_step, pushed=True),
    )
    parcel = self._server.pack(state.accrued, state.change)
    sent = delays.latency(self._config.cluster, start)
    accepted = self._server.push(push, parcel, sent)
    sampling = self._sampler.on_push(state.sampling, parcel)
    return Pushed(accepted, sampling, start, delays.now([accepted]))

  def flush(
    self, replica: tf.Tensor, state: ReplicaState, due: tf.Tensor
  ) -> tuple[ReplicaState, Pushed]:
    """Pushes between two steps, if `due`, a bool, and if anything is accrued."""
    pushed = tf.cond(
      due & (state.count > 0),
      lambda: self._push(replica, state, state.step, state.ready_at),
      lambda: _no_push(state),
    )
    return self._emptied_if(pushed, state), pushed

  def rows(
    self, replica: tf.Tensor, state: ReplicaState, next_step: tf.Tensor, pushed: bool
  ) -> tf.Tensor:
    """Returns the rows of the accrued steps (telemetry/steps.py)."""
    return self._rows_buffer.rows(
      state.noted,
      state.count,
      replica,
      state.incarnation,
      state.sequence,
      next_step,
      pushed,
    )

  def _advance(
    self, state: ReplicaState, weights: Weights, ready_at: tf.Tensor
  ) -> ReplicaState:
    return state._replace(
      step=state.step + 1,
      opens_window=tf.constant(False),
      first=tf.constant(False),
      ready_at=ready_at,
      weights=weights,
    )

  def _emptied_if(self, pushed: Pushed, state: ReplicaState) -> ReplicaState:
    """Returns the state with nothing accrued after a push, else unchanged."""
    went = pushed.went
    accrued, change = tf.cond(
      went,
      lambda: (
        [tf.zeros_like(a) for a in state.accrued],
        AffineUpdate.identity(state.weights.statistics),
      ),
      lambda: tf.nest.map_structure(tf.identity, (state.accrued, state.change)),
    )
    return state._replace(
      sequence=state.sequence + tf.cast(went, tf.int64),
      count=tf.where(went, tf.constant(0, tf.int64), state.count),
      accrued=accrued,
      change=change,
      sampling=pushed.sampling,
    )


def _no_time() -> tuple[tf.Tensor, tf.Tensor]:
  return tf.constant(_NAN, tf.float64), tf.constant(_NAN, tf.float64)


def _no_fetch(state: ReplicaState) -> Fetched:
  return Fetched(state.weights, state.fetched_versions, *_no_time())


def _no_push(state: ReplicaState) -> Pushed:
  sampling = tf.nest.map_structure(tf.identity, state.sampling)
  return Pushed(tf.constant(True), sampling, *_no_time())
