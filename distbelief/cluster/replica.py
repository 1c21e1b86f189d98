"""A model replica on its worker: Downpour's client, in windows of many steps.

The chief schedules windows; `ClusterCoordinator` chooses the worker. A window reads the
replica's state, asks the pool for steps, does them in one loop inside the graph, and
writes the state back, so a replica's parameters, accrued gradient and step live on its
worker from window to window. Each step is the appendix's (algorithms/downpour.py), in
one of two cycles: blocking, or with fetch and push overlapping the computing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from distbelief import data
from distbelief.algorithms import downpour
from distbelief.algorithms.statistics import Change, Weights
from distbelief.cluster import padding
from distbelief.cluster import shards as shards_lib
from distbelief.cluster.notes import Notes
from distbelief.cluster.parameter_server import ParameterServer
from distbelief.models.objective import Gradient, Objective
from distbelief.telemetry import steps, swarm
from distbelief.telemetry.swarm import DIMENSION

_NAN = float('nan')


class _State(NamedTuple):
  """A replica between two steps; all of it on its worker."""

  incarnation: tf.Tensor  # int64; -1: must register (a new process, a window that died).
  step: tf.Tensor  # int64, the next one.
  sequence: tf.Tensor  # int64, of the next push.
  first: tf.Tensor  # bool, no step done since registering.
  count: tf.Tensor  # int64, gradients accrued.
  free: tf.Tensor  # float64, when the last step ended.
  held: tf.Tensor  # [shards] int64, versions of the parameters as last fetched.
  oldest: tf.Tensor  # [shards] int64, versions of the oldest used since the last push.
  notes: tf.Tensor  # [n_push, .] float64, of the steps since the last push.
  weights: Weights
  accrued: list[tf.Tensor]
  change: Change  # Of the statistics, since the last push.
  sampled: tf.Tensor  # float64, start of the last window that tells where it is.
  tell: tf.Tensor  # bool, whether the next push is sketched: the last of its window.
  due: tf.Tensor  # bool, whether this window tells where the replica is.
  gradient: tf.Tensor  # [DIMENSION] float32, sketch of the last push that was.


class _Fetched(NamedTuple):
  weights: Weights
  held: tf.Tensor  # [shards] int64.
  start: tf.Tensor  # float64, NaN: no fetch.
  end: tf.Tensor


class _Pushed(NamedTuple):
  current: tf.Tensor  # bool, False: a newer incarnation has taken this one's place.
  sketch: tf.Tensor  # [DIMENSION] float32, _State.gradient.
  start: tf.Tensor  # float64, NaN: no push.
  end: tf.Tensor


class WindowResult(NamedTuple):
  """What a window tells the chief; what it computed is with the shards already."""

  replica: tf.Tensor
  incarnation: tf.Tensor
  taken: tf.Tensor  # Steps granted; 0: there were none, and what was accrued is pushed.
  pushes: tf.Tensor  # [.., 3] float64: sequence, start and end (NaN: there was none).
  pending: tf.Tensor  # [.., row] float64, steps whose gradients are not yet pushed.
  samples: Samples  # None, or one.


class Samples(NamedTuple):
  """Where the replica is, see telemetry/swarm.py."""

  marks: tf.Tensor  # [., 4] float64.
  sketches: tf.Tensor  # [., 3, DIMENSION] float32.

  @classmethod
  def none(cls) -> Samples:
    """Returns no sample."""
    return cls(
      tf.zeros([0, len(swarm.MARKS)], tf.float64),
      tf.zeros([0, len(swarm.SKETCHES), DIMENSION]),
    )


def identity_of_process() -> tf.Tensor:
  """Returns the replica's index, read on the worker from its process' name.

  Workers are named 'replica-<index>' (cluster/processes.py); TensorFlow itself does not
  tell a closure where it runs.
  """
  name = tf.strings.strip(tf.io.read_file('/proc/self/comm'))
  return tf.strings.to_number(tf.strings.split(name, '-')[-1], tf.int64)


class Replica:
  """Builds the function that runs one window on whatever worker it lands on."""

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
    """Makes the replicas' state, reset wherever a worker starts anew.

    Args:
      config: The run's.
      num_replicas: Workers of the cluster.
      strategy: Under whose scope the per-worker variables are made.
      objective: What is minimised.
      source: The training data.
      server: The parameter server.
      identity: Tells the replica's index, in the graph, on the worker.
      prefix: Of the name of the iterator on the worker.
    """
    self._config, self._num_replicas = config, num_replicas
    self._objective, self._source = objective, source
    self._server, self._shards, self._pool = server, server.shards, server.pool
    self._identity, self._prefix = identity, prefix
    self._notes = Notes(
      config.downpour.n_push, len(self._shards), config.telemetry.records
    )
    self._warm_steps = config.downpour.warmstart_steps
    zeros = [tf.zeros(shape) for shape in objective.shapes]
    none = tf.zeros([len(self._shards)], tf.int64)
    initial = _State(
      incarnation=tf.constant(-1, tf.int64),
      step=tf.constant(0, tf.int64),
      sequence=tf.constant(0, tf.int64),
      first=tf.constant(True),
      count=tf.constant(0, tf.int64),
      free=tf.constant(_NAN, tf.float64),
      held=none,
      oldest=none,
      notes=self._notes.none(),
      weights=Weights(zeros, objective.statistics),
      accrued=zeros,
      change=Change.none(objective.statistics),
      sampled=tf.constant(0, tf.float64),
      tell=tf.constant(False),
      due=tf.constant(False),
      gradient=tf.zeros([DIMENSION]),
    )
    self._spec = source.minibatch_spec(config.data.batch_size)
    with strategy.scope():
      self._variables = tf.nest.map_structure(
        lambda value: tf.Variable(value, trainable=False, per_worker_variable=True),
        initial,
      )
    self.window = tf.function(self._window, autograph=False)

  def _window(self) -> WindowResult:
    """One closure: asks for steps and does them, or pushes what is still accrued."""
    # TensorFlow does not order reads and writes of per-worker variables: read each once
    # here, carry the values, write each once at the end. Nor does it let an operation on
    # one wait for a control dependency (it takes the variable's handle, which it fetches
    # inside that scope, for something that has waited): only values can make it wait.
    state = tf.nest.map_structure(lambda v: tf.identity(v.read_value()), self._variables)
    replica, nobody = self._identity(), tf.constant(-1, tf.int64)
    with tf.control_dependencies(tf.nest.flatten(state)):
      # If this window dies half-way on a worker that lives, its state is not to be
      # trusted: the next one must register anew.
      nobody = tf.identity(nobody)
    marked = self._variables.incarnation.assign(nobody, read_value=False)
    with tf.control_dependencies([marked]):
      replica = tf.identity(replica)
    self._iterator = self._stateful_iterator()
    state = tf.cond(
      state.incarnation < 0, lambda: self._join(replica, state), lambda: state
    )
    with tf.control_dependencies([state.incarnation, state.free]):
      most = tf.constant(self._config.downpour.window_steps, tf.int64)
      taken = self._pool.take(tf.identity(replica), most)

    state, current, pushes = self._steps(replica, state, taken)
    state, pushed, sequence = self._flush(replica, state, taken)
    state, samples = self._sample(replica, state)
    last = tf.stack([tf.cast(sequence, tf.float64), pushed.start, pushed.end])
    result = WindowResult(
      replica,
      state.incarnation,
      taken,
      tf.concat([pushes, last[tf.newaxis]], axis=0),
      self._rows(replica, state, state.step, pushed=False),
      samples,
    )
    replaced = tf.logical_not(current & pushed.current)
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

  # Joining, and the data.

  def _join(self, replica: tf.Tensor, state: _State) -> _State:
    """Registers a new incarnation at every shard, and goes on after the last step.

    Shard 0 numbers incarnations. Gradients that the former one had not pushed are lost;
    its steps return to the pool.
    """
    first, *others = self._shards
    client = first.register(replica, tf.constant(-1, tf.int64))
    clients = [client]
    for shard in others:
      clients.append(shard.register(replica, client[steps.INCARNATION]))
    table = tf.stack(clients)
    step = tf.reduce_max(table[:, steps.NEXT_STEP])
    counted = tf.reduce_min(table[:, steps.COUNTED])
    with tf.control_dependencies([self._pool.settle(replica, counted)]):
      minibatches = self._minibatches(replica, step)
      made = tf.raw_ops.MakeIterator(
        dataset=tf.data.experimental.to_variant(minibatches), iterator=self._iterator
      )
    with tf.control_dependencies([made]):
      free = tf.timestamp()
    weights, held = state.weights, state.held
    if self._config.downpour.overlap:  # One blocking fetch before the pipeline starts.
      fetched = self._fetch(replica, step, free)
      weights, held = fetched.weights, fetched.held
    return state._replace(
      incarnation=tf.identity(client[steps.INCARNATION]),
      step=step,
      sequence=tf.zeros_like(step),
      first=tf.constant(True),
      count=tf.zeros_like(step),
      free=free,
      held=held,
      weights=weights,
      accrued=[tf.zeros_like(a) for a in state.accrued],
      change=Change.none(state.weights.statistics),
    )

  def _minibatches(self, replica: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
    return self._source.minibatches(
      replica, self._num_replicas, start, self._config.data.batch_size, self._warm_steps
    )

  def _stateful_iterator(self) -> tf.Tensor:
    """An iterator that lives on the worker, and can be set to any step.

    A per-worker dataset would start from its beginning whenever its worker does.
    """
    return tf.raw_ops.IteratorV2(
      shared_name=f'{self._prefix}minibatches', container='', **self._outputs()
    )

  def _next_minibatch(self) -> Any:
    flat = tf.raw_ops.IteratorGetNext(iterator=self._iterator, **self._outputs())
    return tf.nest.pack_sequence_as(self._spec, flat)

  def _outputs(self) -> dict[str, list]:
    flat = tf.nest.flatten(self._spec)
    return {
      'output_types': [tensor.dtype for tensor in flat],
      'output_shapes': [tensor.shape for tensor in flat],
    }

  # The loop.

  def _steps(
    self, replica: tf.Tensor, state: _State, taken: tf.Tensor
  ) -> tuple[_State, tf.Tensor, tf.Tensor]:
    """Does `taken` steps; ends early if another incarnation has taken over.

    A tf.function runs operations that have side effects one after the other, in the
    order of the program: fetches, pushes (to each shard), and padding. This loop says
    itself what must wait for what, so it is wrapped as a graph without such an order.
    """

    def loop(replica: tf.Tensor, taken: tf.Tensor, *flat: tf.Tensor) -> list[tf.Tensor]:
      self._iterator = self._stateful_iterator()
      result = self._loop(replica, tf.nest.pack_sequence_as(state, flat), taken)
      return tf.nest.flatten(result)

    args = [replica, taken, *tf.nest.flatten(state)]
    specs = [tf.TensorSpec.from_tensor(arg) for arg in args]
    *flat, current, pushes = tf.compat.v1.wrap_function(loop, specs)(*args)
    return tf.nest.pack_sequence_as(state, flat), current, pushes

  def _loop(
    self, replica: tf.Tensor, state: _State, taken: tf.Tensor
  ) -> tuple[_State, tf.Tensor, tf.Tensor]:
    step = self._overlapped_step if self._config.downpour.overlap else self._blocking_step

    every = self._config.telemetry.swarm_seconds
    if every:
      began = tf.timestamp()
      due = began - state.sampled >= every
      state = state._replace(sampled=tf.where(due, began, state.sampled), due=due)

    recording = self._config.telemetry.records
    num_steps = tf.cast(taken, tf.int32)
    first_push = state.sequence

    def body(
      done: tf.Tensor, unused_current: tf.Tensor, state: _State, pushes: tf.TensorArray
    ) -> tuple[Any, ...]:
      if every:
        # The last push of the window is the only one to come now, if there is one; else
        # the next window's first.
        last = num_steps - done <= self._config.downpour.n_push
        state = state._replace(tell=state.tell | (due & last))
      state, pushed = step(replica, state)
      if recording:
        pushes = pushes.write(done, tf.stack([pushed.start, pushed.end]))
      return done + 1, pushed.current, state, pushes

    pushes = tf.TensorArray(tf.float64, num_steps, element_shape=[2])
    done, current, state, pushes = tf.while_loop(
      lambda done, current, *_: (done < num_steps) & current,
      body,
      (tf.zeros_like(num_steps), tf.constant(True), state, pushes),
      parallel_iterations=1,
    )
    if not recording:
      return state, current, tf.zeros([0, 3], tf.float64)
    times = pushes.gather(tf.range(done))
    times = tf.boolean_mask(times, tf.logical_not(tf.math.is_nan(times[:, 1])))
    sequence = first_push + tf.range(tf.shape(times, tf.int64)[0])
    sequence = tf.cast(sequence, tf.float64)[:, tf.newaxis]
    return state, current, tf.concat([sequence, times], axis=1)

  def _blocking_step(self, replica: tf.Tensor, state: _State) -> tuple[_State, _Pushed]:
    """Fetch if due, compute, push if due: one after the other."""
    options = self._config.downpour
    with tf.control_dependencies([state.free]):
      minibatch = self._next_minibatch()
    began = padding.now(tf.nest.flatten(minibatch))
    fresh = downpour.fetch_due(state.step, options.n_fetch) | state.first
    fetched = tf.cond(
      fresh,
      lambda: self._fetch(replica, state.step, began),
      lambda: _Fetched(state.weights, state.held, *_no_time()),
    )
    compute_start = padding.now([fetched.end, *tf.nest.flatten(fetched.weights)])
    state = state._replace(weights=fetched.weights, held=fetched.held)
    result, compute_end = self._compute(replica, state, minibatch, compute_start)
    times = {
      'fresh': fresh,
      'fetch_start': fetched.start,
      'fetch_end': fetched.end,
      'compute_start': compute_start,
      'compute_end': compute_end,
      'wait_start': state.free,
      'wait_end': began,
    }
    weights = state.weights
    if options.n_fetch > 1:  # Else the next fetch always replaces it unseen.
      weights = self._local_step(weights, result)
    state = self._accrue(state, result, times)
    pushed = tf.cond(
      downpour.push_due(state.step, options.n_push),
      lambda: self._push(replica, state, state.step + 1, compute_end),
      lambda: _no_push(state),
    )
    state = self._emptied_if(pushed, state)
    free = tf.where(tf.math.is_nan(pushed.end), compute_end, pushed.end)
    return self._advance(state, weights, free), pushed

  def _overlapped_step(self, replica: tf.Tensor, state: _State) -> tuple[_State, _Pushed]:
    """Pushes the step before, fetches for the step after, and computes: all at once.

    None of the three depends on another, and what they bring is passed on as loop
    tensors on the worker: TensorFlow then runs them side by side.
    """
    options = self._config.downpour
    minibatch = self._next_minibatch()
    began = padding.now([state.free, *tf.nest.flatten(minibatch)])
    due = downpour.fetch_due(state.step, options.n_fetch)
    fetched = tf.cond(
      due,
      lambda: self._fetch(replica, state.step, began),
      lambda: _Fetched(state.weights, state.held, *_no_time()),
    )
    pushed = tf.cond(
      downpour.push_due(state.step - 1, options.n_push) & (state.count > 0),
      lambda: self._push(replica, state, state.step, began),
      lambda: _no_push(state),
    )
    result, compute_end = self._compute(replica, state, minibatch, began)
    times = {
      'fresh': state.first | downpour.fetch_due(state.step - 1, options.n_fetch),
      'fetch_start': fetched.start,
      'fetch_end': fetched.end,
      'compute_start': began,
      'compute_end': compute_end,
      'wait_start': state.free,
      'wait_end': began,
    }
    weights = fetched.weights
    if options.n_fetch > 1:
      stepped = self._local_step(state.weights, result)
      weights = tf.cond(due, lambda: fetched.weights, lambda: stepped)
    state = self._accrue(self._emptied_if(pushed, state), result, times)
    # The next step waits for this fetch and this push, and that wait is its own.
    with tf.control_dependencies([fetched.end, pushed.end]):
      free = tf.identity(compute_end)
    return self._advance(state._replace(held=fetched.held), weights, free), pushed

  def _flush(
    self, replica: tf.Tensor, state: _State, taken: tf.Tensor
  ) -> tuple[_State, _Pushed, tf.Tensor]:
    """In a window of length 0, pushes what is accrued."""
    sequence = state.sequence
    pushed = tf.cond(
      tf.equal(taken, 0) & (state.count > 0),
      lambda: self._push(replica, state, state.step, state.free),
      lambda: _no_push(state),
    )
    return self._emptied_if(pushed, state), pushed, sequence

  def _sample(self, replica: tf.Tensor, state: _State) -> tuple[_State, Samples]:
    """Tells, not too often, where the replica and the server are."""
    if not self._config.telemetry.swarm_seconds:
      return state, Samples.none()
    now = padding.now([state.free, *state.weights.params])

    def sample() -> Samples:
      sketch = self._server.sketch
      marks = [now, *(tf.cast(v, now.dtype) for v in (replica, *state[:2]))]
      sketches = [
        sketch.of(state.weights.params),
        self._server.sketched(now),
        state.gradient,
      ]
      return Samples(tf.stack(marks)[tf.newaxis], tf.stack(sketches)[tf.newaxis])

    due = state.due & tf.logical_not(state.first)
    samples = tf.cond(due, sample, Samples.none)
    return state._replace(due=tf.constant(False)), samples

  # What a step is made of.

  def _compute(
    self, replica: tf.Tensor, state: _State, minibatch: Any, start: tf.Tensor
  ) -> tuple[Gradient, tf.Tensor]:
    """Returns the minibatch's loss and gradient, and when these and padding ended."""
    return padding.gradient(
      self._config, self._objective, state.weights, minibatch, replica, state.step, start
    )

  def _local_step(self, weights: Weights, result: Gradient) -> Weights:
    rate = self._config.downpour.learning_rate
    return Weights(
      downpour.local_step(weights.params, result.gradient, rate),
      result.change.apply(weights.statistics),
    )

  def _accrue(
    self, state: _State, result: Gradient, times: dict[str, tf.Tensor]
  ) -> _State:
    """Adds a step's gradient, and notes of it, to what the next push carries."""
    empty = tf.equal(state.count, 0)
    noted = {**times, 'loss': result.loss, 'accuracy': result.accuracy}
    return state._replace(
      count=state.count + 1,
      oldest=tf.where(empty, state.held, tf.minimum(state.oldest, state.held)),
      notes=self._notes.add(state.notes, state.count, noted, state.held),
      accrued=downpour.accrue(state.accrued, result.gradient),
      change=state.change.then(result.change),
    )

  def _advance(self, state: _State, weights: Weights, free: tf.Tensor) -> _State:
    return state._replace(
      step=state.step + 1, first=tf.constant(False), free=free, weights=weights
    )

  def _emptied_if(self, pushed: _Pushed, state: _State) -> _State:
    """Returns the state with nothing accrued if a push took it, else as it was."""
    went = tf.logical_not(tf.math.is_nan(pushed.end))
    accrued, change = tf.cond(
      went,
      lambda: (
        [tf.zeros_like(a) for a in state.accrued],
        Change.none(state.weights.statistics),
      ),
      lambda: tf.nest.map_structure(tf.identity, (state.accrued, state.change)),
    )
    return state._replace(
      sequence=state.sequence + tf.cast(went, tf.int64),
      count=tf.where(went, tf.constant(0, tf.int64), state.count),
      accrued=accrued,
      change=change,
      gradient=pushed.sketch,
      tell=state.tell & tf.logical_not(went),
    )

  def _fetch(self, replica: tf.Tensor, step: tf.Tensor, start: tf.Tensor) -> _Fetched:
    """Reads every shard, each at whatever version it is."""
    asked = padding.latency(self._config.cluster, start)
    weights, held = self._server.fetch(asked)
    return _Fetched(weights, held, start, padding.now([held, *tf.nest.flatten(weights)]))

  def _rows(
    self, replica: tf.Tensor, state: _State, next_step: tf.Tensor, pushed: bool
  ) -> tf.Tensor:
    return self._notes.rows(
      state.notes,
      state.count,
      replica,
      state.incarnation,
      state.sequence,
      next_step,
      pushed,
    )

  def _push(
    self, replica: tf.Tensor, state: _State, next_step: tf.Tensor, start: tf.Tensor
  ) -> _Pushed:
    """Sends the accrued gradient to every shard; waits until each has applied it."""
    parts = self._server.parts_of_push(state.accrued, state.change)
    flat = tf.nest.flatten(parts)
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(part)) for part in flat])
    rows = self._rows(replica, state, next_step, pushed=True)
    warm = tf.equal(replica, 0) & (next_step <= self._warm_steps)
    with padding.after([padding.latency(self._config.cluster, start), *flat]):
      rows = tf.identity(rows)

    def headers() -> list[tf.Tensor]:
      return [
        tf.stack(
          shards_lib.PushHeader(
            replica=replica,
            incarnation=state.incarnation,
            sequence=state.sequence,
            next_step=next_step,
            oldest_version=state.oldest[index],
            warm=tf.cast(warm, tf.int64),
          )
        )
        for index in range(len(self._shards))
      ]

    def send() -> list[tf.Tensor]:
      return [
        shard.push(*part, header, rows)
        for shard, part, header in zip(self._shards, parts, headers())
      ]

    def skip() -> list[tf.Tensor]:
      return [shard.skip(header, rows) for shard, header in zip(self._shards, headers())]

    current = tf.stack(tf.cond(finite, send, skip))
    sketch = tf.identity(state.gradient)
    if self._config.telemetry.swarm_seconds:
      vectors = [vector for vector, _ in parts]
      sketch = tf.cond(
        state.tell, lambda: self._server.sketch_of(vectors), lambda: sketch
      )
    return _Pushed(tf.reduce_all(current > 0), sketch, start, padding.now([current]))


def _no_time() -> tuple[tf.Tensor, tf.Tensor]:
  return tf.constant(_NAN, tf.float64), tf.constant(_NAN, tf.float64)


def _no_push(state: _State) -> _Pushed:
  return _Pushed(tf.constant(True), tf.identity(state.gradient), *_no_time())
