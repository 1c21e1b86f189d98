"""All shards and the pool of steps together, as the chief and the replicas see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import Change, Weights
from distbelief.cluster import shards as shards_lib
from distbelief.cluster.pool import StepPool
from distbelief.telemetry import steps
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import COUNTED, INCARNATION, counted_by_all
from distbelief.telemetry.swarm import DIMENSION


class Look(NamedTuple):
  """What the chief sees at one time; each shard a little later than the one before."""

  logs: list[np.ndarray]  # Per shard [., LOG_COLUMNS + row_width], since the last look.
  versions: np.ndarray  # [shards] int64.
  clients: np.ndarray  # [shards, replicas, 4] int64.
  left: int  # Steps in the pool.
  granted: np.ndarray  # [replicas] int64, steps that each has been given in all.
  returned: int  # Steps of windows that died.

  @property
  def steps(self) -> int:
    """Minibatches that every shard has counted."""
    return int(counted_by_all(self.clients).sum())

  @property
  def behind(self) -> np.ndarray:
    """Replicas that have been given steps which are not counted."""
    return np.flatnonzero(self.granted > counted_by_all(self.clients))

  @property
  def incarnations(self) -> np.ndarray:
    """The newest incarnation of each replica, [replicas] int64."""
    return self.clients[0, :, INCARNATION]


class ParameterServer:
  """The parameters, sharded over the ps tasks of the cluster that the chief is in.

  Attributes:
    sharding: Of the model's parameters.
    shards: One per ps task.
    pool: Of steps.
    row_width: Length of a step's row, as pushes carry it.
    sketch: Of the model's parameters.
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
    """Fills the shards, whatever an earlier chief may have left on their tasks.

    Args:
      sharding: Of the model's parameters over the ps tasks.
      statistics_shapes: Of the model's statistics.
      rule: What a push does.
      num_replicas: Replicas that ask the pool.
      states: What each shard starts from.
      recording: config.telemetry.records; else the shards' logs stay empty.
      seed: config.seed, of the sketch.
      prefix: Of the names of all state on the tasks, for several servers side by side.
    """
    self.sharding = sharding
    self._statistics = Sharding(statistics_shapes, 1)
    clients = np.stack([np.array(state.clients) for state in states])
    (num_statistics,) = self._statistics.sizes
    self.sketch = Sketch(sum(sharding.sizes), seed)
    self.row_width = steps.row_width(sharding.num_shards) if recording else 0
    self.shards = shards_lib.create(
      sharding,
      num_statistics,
      rule,
      clients.shape[1],
      self.row_width,
      self.sketch,
      prefix,
    )
    self.pool = StepPool(num_replicas, clients.shape[1], prefix)
    for shard, state in zip(self.shards, states):
      shard.restore(*tf.nest.flatten(state))
    self.pool.restore(tf.constant(counted_by_all(clients)))

  def look(self) -> Look:
    """Empties the shards' logs and reads their counters."""
    nothing = tf.constant(0)
    left, granted, returned = self.pool.look(nothing)
    polls = [shard.poll(nothing) for shard in self.shards]
    return Look(
      [poll.log.numpy() for poll in polls],
      np.array([poll.version.numpy() for poll in polls]),
      np.stack([poll.clients.numpy() for poll in polls]),
      int(left),
      granted.numpy(),
      int(returned),
    )

  def snapshot(self) -> list[shards_lib.ShardState]:
    """Returns each shard's state as NumPy arrays; a later look has all it counts."""
    nothing = tf.constant(0)
    states = [shard.snapshot(nothing) for shard in self.shards]
    return [tf.nest.map_structure(lambda t: t.numpy(), state) for state in states]

  def weights(self) -> Weights:
    """Fetches the model's weights, each shard at whatever version it is."""
    weights, _ = self.fetch(tf.timestamp())
    return weights

  def fetch(self, start: tf.Tensor) -> tuple[Weights, tf.Tensor]:
    """Returns the weights and each shard's version, [shards] int64.

    Args:
      start: Any float64 scalar on which the requests wait.
    """
    vectors = [shard.fetch(start) for shard in self.shards]
    statistics = vectors[0][self.sharding.sizes[0] : -shards_lib.TAIL]
    return Weights(
      self.sharding.join(vectors), self._statistics.join([statistics])
    ), tf.stack([shards_lib.version_of(vector) for vector in vectors])

  def sketch_of(self, vectors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sketch of what the shards get of a gradient, [DIMENSION] float32."""
    total, start = tf.zeros([DIMENSION]), 0
    for vector, size in zip(vectors, self.sharding.sizes):
      total += self.sketch.part(vector[:size], start)
      start += size
    return total

  def sketched(self, start: tf.Tensor) -> tf.Tensor:
    """Returns the sketch of the parameters, made where they are, [DIMENSION] float32.

    Args:
      start: Any float64 scalar on which the requests wait.
    """
    return tf.add_n([shard.sketch(start) for shard in self.shards])

  def parts_of_push(
    self, gradient: list[tf.Tensor], change: Change
  ) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns what each shard's `push` takes of a gradient and a change of statistics."""
    nothing, zeros = tf.zeros([0]), tf.zeros([shards_lib.TAIL])
    (kept,) = self._statistics.split(change.kept)
    (moved,) = self._statistics.split(change.moved, [zeros])
    others = len(self.shards) - 1
    vectors = self.sharding.split(gradient, [moved] + others * [zeros])
    return list(zip(vectors, [kept] + others * [nothing]))

  def reclaim(self, replica: int) -> None:
    """Gives back the steps of a replica that is gone for good.

    Should it yet be alive, its pushes are dropped from now on, and it registers anew.
    """
    number = tf.constant(replica, tf.int64)
    newest = tf.constant(-1, tf.int64)
    counted = []
    for shard in self.shards:
      client = shard.register(number, newest)
      newest = client[INCARNATION]
      counted.append(client[COUNTED])
    self.pool.settle(number, tf.reduce_min(counted))
