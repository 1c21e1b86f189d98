"""All shards and the pool of steps, as one object for the chief and the replicas.

A replica registers, takes steps, fetches and pushes here, and does not address shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import FlatLayout, Sharding
from distbelief.algorithms.statistics import AffineUpdate, Weights
from distbelief.cluster import delays
from distbelief.cluster.downpour import shards as shards_lib
from distbelief.cluster.downpour.pool import StepPool
from distbelief.cluster.downpour.update import PushHeader
from distbelief.cluster.downpour.versions import TAIL, version_of
from distbelief.telemetry import steps
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import COUNTED, INCARNATION, NEXT_STEP, counted_by_all
from distbelief.telemetry.swarm import DIMENSION


class ServerStatus(NamedTuple):
  """The result of a poll by the chief; each shard a little later than the one before."""

  logs: list[np.ndarray]  # Per shard [., LOG_COLUMNS + row_width], since the last poll.
  versions: np.ndarray  # [shards] int64.
  clients: np.ndarray  # [shards, replicas, 4] int64.
  left: int  # Steps in the pool.
  granted: np.ndarray  # [replicas] int64, steps granted to each in all.
  returned: int  # Steps returned by windows that died.

  @property
  def steps(self) -> int:
    """Minibatches that every shard has counted."""
    return int(counted_by_all(self.clients).sum())

  @property
  def behind(self) -> np.ndarray:
    """Replicas with granted steps that are not counted."""
    return np.flatnonzero(self.granted > counted_by_all(self.clients))

  @property
  def incarnations(self) -> np.ndarray:
    """The newest incarnation of each replica, [replicas] int64."""
    return self.clients[0, :, INCARNATION]


class Registration(NamedTuple):
  """The answer to the registration of a new incarnation."""

  incarnation: tf.Tensor  # int64, its number.
  next_step: tf.Tensor  # int64, the step after the last one that any shard received.


class Parcel(NamedTuple):
  """A gradient and a change of statistics, split into the shards' parts."""

  vectors: list[tf.Tensor]  # Per shard, as Shard.push takes it.
  kept: list[tf.Tensor]  # Likewise.


class PushRequest(NamedTuple):
  """The metadata of a push."""

  replica: tf.Tensor  # int64, as the next three.
  incarnation: tf.Tensor
  sequence: tf.Tensor
  next_step: tf.Tensor  # The replica's step after the last one carried.
  oldest_versions: tf.Tensor  # [shards] int64, of the oldest parameters used.
  warm: tf.Tensor  # bool, while the warm start lasts.
  rows: tf.Tensor  # [steps, row_width] float64 (telemetry/steps.py).


class ParameterServer:
  """The parameters, sharded over the ps tasks of the cluster that the chief is in.

  Attributes:
    sharding: Sharding of the model's parameters.
    shards: Shards, one per ps task.
    pool: Pool of steps.
    row_width: Length of a step's row, as pushes carry it.
    sketch: Sketch of the model's parameters.
  """

  def __init__(
    self,
    sharding: Sharding,
    statistics_shapes: Sequence[Sequence[int]],
    rule: ServerRule,
    num_replicas: int,
    states: Sequence[shards_lib.ShardState],
    recording: bool = True,
    seed: int = 0,
    prefix: str = '',
  ) -> None:
    """Initialises the shards, whatever an earlier chief may have left on their tasks.

    Args:
      sharding: Sharding of the model's parameters over the ps tasks.
      statistics_shapes: Shape of each of the model's statistics.
      rule: Rule that applies a push.
      num_replicas: Number of replicas that use the pool.
      states: Initial state of each shard.
      recording: Whether shards log steps, config.telemetry.records; else their logs stay
        empty.
      seed: Seed of the sketch, config.seed.
      prefix: Prefix of the names of all state on the tasks, for several servers side by
        side.
    """
    self.sharding = sharding
    self._statistics = FlatLayout(statistics_shapes)
    clients = np.stack([np.array(state.clients) for state in states])
    self.sketch = Sketch(sum(sharding.sizes), seed)
    self.row_width = steps.row_width(sharding.num_shards) if recording else 0
    self.shards = shards_lib.create(
      sharding,
      self._statistics.size,
      rule,
      num_replicas,
      clients.shape[1],
      self.row_width,
      self.sketch,
      prefix,
    )
    self.pool = StepPool(num_replicas, clients.shape[1], prefix)
    for shard, state in zip(self.shards, states):
      shard.restore(*tf.nest.flatten(state))
    self.pool.restore(tf.constant(counted_by_all(clients)))

  def poll(self) -> ServerStatus:
    """Empties the shards' logs and reads their counters."""
    nothing = tf.constant(0)
    left, granted, returned = self.pool.look(nothing)
    polls = [shard.poll(nothing) for shard in self.shards]
    return ServerStatus(
      [poll.log.numpy() for poll in polls],
      np.array([poll.version.numpy() for poll in polls]),
      np.stack([poll.clients.numpy() for poll in polls]),
      int(left),
      granted.numpy(),
      int(returned),
    )

  def snapshot(self) -> list[shards_lib.ShardState]:
    """Returns each shard's state as NumPy arrays; a later poll has all that it counts."""
    nothing = tf.constant(0)
    states = [shard.snapshot(nothing) for shard in self.shards]
    return [tf.nest.map_structure(lambda t: t.numpy(), state) for state in states]

  def weights(self) -> Weights:
    """Fetches the model's weights, each shard at its current version."""
    weights, _ = self.fetch(tf.timestamp())
    return weights

  def fetch(self, start: tf.Tensor) -> tuple[Weights, tf.Tensor]:
    """Returns the weights and each shard's version, [shards] int64.

    Args:
      start: Float64 scalar on which the requests wait.
    """
    vectors = [shard.fetch(start) for shard in self.shards]
    statistics = vectors[0][self.sharding.sizes[0] : -TAIL]
    return Weights(
      self.sharding.join(vectors), self._statistics.unflatten(statistics)
    ), tf.stack([version_of(vector) for vector in vectors])

  def pack(self, gradient: list[tf.Tensor], change: AffineUpdate) -> Parcel:
    """Splits a gradient and a change of statistics into the shards' parts."""
    nothing, zeros = tf.zeros([0]), tf.zeros([TAIL])
    scale = self._statistics.flatten(change.scale)
    shift = self._statistics.flatten(change.shift, zeros)
    others = len(self.shards) - 1
    vectors = self.sharding.split(gradient, [shift] + others * [zeros])
    return Parcel(vectors, [scale] + others * [nothing])

  def push(self, push: PushRequest, parcel: Parcel, start: tf.Tensor) -> tf.Tensor:
    """Sends a push to every shard, and waits until each has applied it.

    A gradient that is not finite is not sent; its steps are counted all the same.

    Args:
      push: Metadata of the push.
      parcel: Contents of the push.
      start: Float64 scalar on which the requests wait.

    Returns:
      Whether its sender is the replica's newest incarnation at every shard, bool.
    """
    parts = list(zip(*parcel))
    flat = tf.nest.flatten(parts)
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(part)) for part in flat])
    with delays.after([start, *flat]):
      rows = tf.identity(push.rows)

    def headers() -> list[tf.Tensor]:
      return [
        tf.stack(
          PushHeader(
            replica=push.replica,
            incarnation=push.incarnation,
            sequence=push.sequence,
            next_step=push.next_step,
            oldest_version=push.oldest_versions[index],
            warm=tf.cast(push.warm, tf.int64),
          )
        )
        for index in range(len(self.shards))
      ]

    def send() -> list[tf.Tensor]:
      return [
        shard.push(*part, header, rows)
        for shard, part, header in zip(self.shards, parts, headers())
      ]

    def skip() -> list[tf.Tensor]:
      return [shard.skip(header, rows) for shard, header in zip(self.shards, headers())]

    return tf.reduce_all(tf.stack(tf.cond(finite, send, skip)) > 0)

  def sketch_of(self, parcel: Parcel) -> tf.Tensor:
    """Returns the sketch of the gradient in a parcel, [DIMENSION] float32."""
    total, start = tf.zeros([DIMENSION]), 0
    for vector, size in zip(parcel.vectors, self.sharding.sizes):
      total += self.sketch.part(vector[:size], start)
      start += size
    return total

  def sketched(self, start: tf.Tensor) -> tf.Tensor:
    """Returns the sketch of the parameters, computed on the shards, [DIMENSION] float32.

    Args:
      start: Float64 scalar on which the requests wait.
    """
    return tf.add_n([shard.sketch(start) for shard in self.shards])

  def register(self, replica: tf.Tensor) -> Registration:
    """Registers a new incarnation of a replica; only its pushes are applied from now on.

    Shard 0 numbers incarnations. Gradients that the former one had not pushed are lost;
    its steps return to the pool.

    Args:
      replica: Index of the replica, int64.
    """
    first, *others = self.shards
    client = first.register(replica, tf.constant(-1, tf.int64))
    clients = [client]
    for shard in others:
      clients.append(shard.register(replica, client[INCARNATION]))
    table = tf.stack(clients)
    next_step = tf.reduce_max(table[:, NEXT_STEP])
    counted = tf.reduce_min(table[:, COUNTED])
    with tf.control_dependencies([self.pool.reset_grant(replica, counted)]):
      return Registration(tf.identity(client[INCARNATION]), tf.identity(next_step))

  def take_steps(self, replica: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    """Returns the number of steps granted to a window, int64; 0: none are left.

    Args:
      replica: Index of the replica whose window it is, int64.
      most: Largest number of steps wanted, int64.
    """
    return self.pool.take(replica, most)

  def reclaim(self, replica: int) -> None:
    """Gives back the steps of a replica that is gone for good.

    If it is alive after all, its pushes are dropped from now on, and it registers anew.
    """
    self.register(tf.constant(replica, tf.int64))
