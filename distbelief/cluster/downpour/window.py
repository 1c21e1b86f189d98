"""A model replica on its worker: runs windows of many steps.

The chief schedules windows; `ClusterCoordinator` chooses the worker. A window reads the
replica's state, asks the pool for steps, does them in one loop inside the graph
(client.py), and writes the state back, so a replica's parameters, accrued gradient and
step live on its worker from window to window. A replica whose process is new, or whose
last window died, first registers as a new incarnation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from distbelief import data
from distbelief.algorithms.downpour import DownpourOptions
from distbelief.algorithms.statistics import AffineUpdate
from distbelief.cluster.downpour.client import Client, ReplicaState
from distbelief.cluster.downpour.parameter_server import ParameterServer
from distbelief.cluster.downpour.sampler import Sampler, Samples
from distbelief.models.objective import Objective


class WindowResult(NamedTuple):
  """The result of a window for the chief; gradients are with the shards already."""

  replica: tf.Tensor
  incarnation: tf.Tensor
  taken: tf.Tensor  # Steps granted; 0: none were left, and accrued ones are pushed.
  pushes: tf.Tensor  # [.., 3] float64: sequence, start and end (NaN: no push).
  pending: tf.Tensor  # [.., row] float64, steps whose gradients are not yet pushed.
  samples: Samples  # At most one.


def identity_of_process() -> tf.Tensor:
  """Returns the replica's index, read on the worker from its process' name.

  Workers are named 'replica-<index>' (launch/processes.py); TensorFlow itself does not
  tell a closure where it runs.
  """
  name = tf.strings.strip(tf.io.read_file('/proc/self/comm'))
  return tf.strings.to_number(tf.strings.split(name, '-')[-1], tf.int64)


class WorkerIterator:
  """The replica's minibatches: an iterator on its worker that can start at any step.

  A per-worker dataset would start from its beginning whenever its worker restarts.
  """

  def __init__(self, source: data.Source, batch_size: int, prefix: str) -> None:
    """Describes the iterator.

    Args:
      source: Source of the training data.
      batch_size: Number of examples in a minibatch.
      prefix: Prefix of its name on the worker.
    """
    self._name = f'{prefix}minibatches'
    self._spec = source.minibatch_spec(batch_size)
    flat = tf.nest.flatten(self._spec)
    self._outputs = {
      'output_types': [tensor.dtype for tensor in flat],
      'output_shapes': [tensor.shape for tensor in flat],
    }

  def open(self) -> tf.Tensor:
    """Returns its handle; valid in the graph in which it is opened, and in its loops."""
    return tf.raw_ops.IteratorV2(shared_name=self._name, container='', **self._outputs)

  def set(self, handle: tf.Tensor, minibatches: tf.data.Dataset) -> tf.Operation:
    """Starts it anew with a dataset."""
    dataset = tf.data.experimental.to_variant(minibatches)
    return tf.raw_ops.MakeIterator(dataset=dataset, iterator=handle)

  def next(self, handle: tf.Tensor) -> Any:
    """Returns the next minibatch."""
    flat = tf.raw_ops.IteratorGetNext(iterator=handle, **self._outputs)
    return tf.nest.pack_sequence_as(self._spec, flat)


class Replica:
  """Builds the function that runs one window on any worker."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    num_replicas: int,
    strategy: tf.distribute.ParameterServerStrategy,
    objective: Objective,
    source: data.Source,
    server: ParameterServer,
    identity: Callable[[], tf.Tensor] = identity_of_process,
    prefix: str = '',
  ) -> None:
    """Creates the replicas' state, which is reset wherever a worker restarts.

    Args:
      config: Config of the run.
      num_replicas: Number of workers of the cluster.
      strategy: Strategy under whose scope the per-worker variables are created.
      objective: Objective of the run.
      source: Source of the training data.
      server: The parameter server.
      identity: Function that returns the replica's index, in the graph, on the worker.
      prefix: Prefix of the name of the iterator on the worker.
    """
    self._options = DownpourOptions.from_config(config)
    self._num_replicas, self._batch_size = num_replicas, config.data.batch_size
    self._recording = config.telemetry.records
    self._source, self._server, self._identity = source, server, identity
    self._iterator = WorkerIterator(source, self._batch_size, prefix)
    self._sampler = Sampler(server, config.telemetry.swarm_seconds, self._options.n_push)
    self._client = Client(config, self._options, objective, server, self._sampler)
    with strategy.scope():
      self._variables = tf.nest.map_structure(
        lambda value: tf.Variable(value, trainable=False, per_worker_variable=True),
        self._client.initial(),
      )
    self.window = tf.function(self._window, autograph=False)

  def _window(self) -> WindowResult:
    """Runs one closure: asks for steps and does them, or pushes accrued gradients."""
    # TensorFlow does not order reads and writes of per-worker variables: read each once
    # here, carry the values, write each once at the end. Nor does it let an operation on
    # one wait for a control dependency (it takes the variable's handle, which it fetches
    # inside that scope, for something that has waited): only values can make it wait.
    state = tf.nest.map_structure(lambda v: tf.identity(v.read_value()), self._variables)
    replica, nobody = self._identity(), tf.constant(-1, tf.int64)
    with tf.control_dependencies(tf.nest.flatten(state)):
      # If this window fails half-way on a worker that lives, its state may be
      # inconsistent: the next one must register anew.
      nobody = tf.identity(nobody)
    marked = self._variables.incarnation.assign(nobody, read_value=False)
    with tf.control_dependencies([marked]):
      replica = tf.identity(replica)
    iterator = self._iterator.open()
    state = tf.cond(
      state.incarnation < 0, lambda: self._join(replica, state, iterator), lambda: state
    )
    with tf.control_dependencies([state.incarnation, state.ready_at]):
      most = tf.constant(self._options.window_steps, tf.int64)
      taken = self._server.take_steps(tf.identity(replica), most)

    state, accepted, pushes = self._steps(replica, state, taken)
    sequence = state.sequence
    state, flushed = self._client.flush(replica, state, due=tf.equal(taken, 0))
    sampling, samples = self._sampler.end_window(
      state.sampling,
      state.weights.params,
      (replica, state.incarnation, state.step),
      state.first,
      state.ready_at,
    )
    state = state._replace(sampling=sampling)
    last = tf.stack([tf.cast(sequence, tf.float64), flushed.start, flushed.end])
    result = WindowResult(
      replica,
      state.incarnation,
      taken,
      tf.concat([pushes, last[tf.newaxis]], axis=0),
      self._client.rows(replica, state, state.step, pushed=False),
      samples,
    )
    replaced = tf.logical_not(accepted & flushed.accepted)
    state = state._replace(
      incarnation=tf.where(replaced, tf.constant(-1, tf.int64), state.incarnation)
    )
    writes = [
      variable.assign(value, read_value=False)
      for variable, value in zip(
        tf.nest.flatten(self._variables), tf.nest.flatten(state), strict=True
      )
    ]
    with tf.control_dependencies(writes):
      return tf.nest.map_structure(tf.identity, result)

  def _join(
    self, replica: tf.Tensor, state: ReplicaState, iterator: tf.Tensor
  ) -> ReplicaState:
    """Registers a new incarnation, which goes on after the last step."""
    registration = self._server.register(replica)
    step = registration.next_step
    minibatches = self._source.minibatches(
      replica,
      self._num_replicas,
      step,
      self._batch_size,
      self._options.warmstart_steps,
    )
    with tf.control_dependencies([self._iterator.set(iterator, minibatches)]):
      ready_at = tf.timestamp()
    weights, versions = state.weights, state.fetched_versions
    if self._options.overlap:  # One blocking fetch before the pipeline starts.
      fetched = self._client.fetch(ready_at)
      weights, versions = fetched.weights, fetched.versions
    return state._replace(
      incarnation=registration.incarnation,
      step=step,
      sequence=tf.zeros_like(step),
      first=tf.constant(True),
      count=tf.zeros_like(step),
      ready_at=ready_at,
      fetched_versions=versions,
      weights=weights,
      accrued=[tf.zeros_like(a) for a in state.accrued],
      change=AffineUpdate.identity(state.weights.statistics),
    )

  def _steps(
    self, replica: tf.Tensor, state: ReplicaState, taken: tf.Tensor
  ) -> tuple[ReplicaState, tf.Tensor, tf.Tensor]:
    """Does `taken` steps; ends early if another incarnation has replaced this one.

    A tf.function runs operations that have side effects one after the other, in the
    order of the program: fetches, pushes (to each shard), and padding. This loop has all
    its dependencies in data, so it is wrapped as a graph without such an order.
    """

    def loop(replica: tf.Tensor, taken: tf.Tensor, *flat: tf.Tensor) -> list[tf.Tensor]:
      result = self._loop(replica, tf.nest.pack_sequence_as(state, flat), taken)
      return tf.nest.flatten(result)

    args = [replica, taken, *tf.nest.flatten(state)]
    specs = [tf.TensorSpec.from_tensor(arg) for arg in args]
    *flat, accepted, pushes = tf.compat.v1.wrap_function(loop, specs)(*args)
    return tf.nest.pack_sequence_as(state, flat), accepted, pushes

  def _loop(
    self, replica: tf.Tensor, state: ReplicaState, taken: tf.Tensor
  ) -> tuple[ReplicaState, tf.Tensor, tf.Tensor]:
    next_minibatch = functools.partial(self._iterator.next, self._iterator.open())
    state = state._replace(
      sampling=self._sampler.begin_window(state.sampling), opens_window=tf.constant(True)
    )
    num_steps = tf.cast(taken, tf.int32)
    first_push = state.sequence

    def body(
      done: tf.Tensor,
      unused_accepted: tf.Tensor,
      state: ReplicaState,
      pushes: tf.TensorArray,
    ) -> tuple[Any, ...]:
      sampling = self._sampler.begin_step(state.sampling, num_steps - done)
      state = state._replace(sampling=sampling)
      state, pushed = self._client.do_step(replica, state, next_minibatch)
      if self._recording:
        pushes = pushes.write(done, tf.stack([pushed.start, pushed.end]))
      return done + 1, pushed.accepted, state, pushes

    pushes = tf.TensorArray(tf.float64, num_steps, element_shape=[2])
    done, accepted, state, pushes = tf.while_loop(
      lambda done, accepted, *_: (done < num_steps) & accepted,
      body,
      (tf.zeros_like(num_steps), tf.constant(True), state, pushes),
      parallel_iterations=1,
    )
    if not self._recording:
      return state, accepted, tf.zeros([0, 3], tf.float64)
    times = pushes.gather(tf.range(done))
    times = tf.boolean_mask(times, tf.logical_not(tf.math.is_nan(times[:, 1])))
    sequence = first_push + tf.range(tf.shape(times, tf.int64)[0])
    sequence = tf.cast(sequence, tf.float64)[:, tf.newaxis]
    return state, accepted, tf.concat([sequence, times], axis=1)
