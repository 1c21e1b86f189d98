"""Applies a push to a shard: the server's half of Downpour.

    delta, slots <- rule(slots, gradient, staleness)     (algorithms/rules)
    parameters   <- parameters - delta
    parameters   <- what their constraints allow         (algorithms/constraints.py)
    statistics   <- kept * statistics + moved            (algorithms/statistics.py)
    version      <- version + 1

Parameters, statistics and version are one vector, which moves at once and last.

Dimensions: P parameters of a shard, S statistics, 0 on all but the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from distbelief.algorithms import downpour
from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.statistics import AffineUpdate
from distbelief.cluster.downpour import versions
from distbelief.cluster.downpour.remote import RemoteVariable
from distbelief.cluster.downpour.versions import TAIL


class PushHeader(NamedTuple):
  """The metadata of a push, int64 scalars; sent as one vector.

  A push is identified by (replica, incarnation, sequence): contract 8.
  """

  replica: tf.Tensor
  incarnation: tf.Tensor
  sequence: tf.Tensor
  next_step: tf.Tensor  # The replica's step after the last one carried.
  oldest_version: tf.Tensor  # This shard's version in the oldest parameters used.
  warm: tf.Tensor  # 1 during the warm start.

  def staleness(self, version: tf.Tensor) -> tf.Tensor:
    """Returns the push's staleness at a shard that has `version` before it, int64."""
    return downpour.staleness(version + 1, self.oldest_version)


class Update:
  """Applies pushes to a shard's state; called with the shard's lock held."""

  def __init__(
    self,
    rule: ServerRule,
    shard: int,
    num_replicas: int,
    size: int,
    vector: RemoteVariable,
    slots: Sequence[RemoteVariable],
    released: RemoteVariable,
  ) -> None:
    """Takes the state to change.

    Args:
      rule: Rule of the server.
      shard: Index of the shard.
      num_replicas: Number of replicas, a fact that a rule may ask for.
      size: Number of the shard's parameters, P.
      vector: Parameters, statistics and version, [P + S + TAIL] float32.
      slots: The rule's slots, each as long as the vector; only P of it is used.
      released: Variable that is 1 once a push came after the warm start, int64.
    """
    self._rule, self._num_replicas, self._size = rule, num_replicas, size
    self._projection = rule.projection(shard)
    self._vector, self._slots, self._released = vector, slots, released

  def apply(
    self,
    pushed: tf.Tensor,
    kept: tf.Tensor,
    head: PushHeader,
    version: tf.Tensor,
    staleness: tf.Tensor,
  ) -> tf.Operation:
    """Applies a push; the vector is assigned last, parameters and all else in it at once.

    Args:
      pushed: Gradient, addition to statistics, and zeros, [P + S + TAIL] float32.
      kept: Factor by which statistics are kept, [S] float32.
      head: Header of the push.
      version: Version of the shard before it, int64.
      staleness: Staleness of the push at this shard, int64.
    """
    warm = tf.equal(head.warm, 1)
    slots = tuple(slot.read() for slot in self._slots)
    writes = []
    if self._rule.reset_slots:
      released = self._released.read()
      first = tf.logical_not(warm) & tf.equal(released, 0)
      slots = tuple(tf.where(first, tf.zeros_like(slot), slot) for slot in slots)
      writes.append(self._released.assign(tf.where(warm, released, 1)))
    facts = {'index': head.replica, 'replicas': self._num_replicas}
    delta, slots = self._rule.update(slots, pushed, staleness, warm, facts)
    rest = versions.to_next(version)
    if kept.shape[0]:
      statistics = [self._vector.read()[self._size : -TAIL]]
      (after,) = AffineUpdate([kept], [pushed[self._size : -TAIL]]).apply(statistics)
      rest = tf.concat([statistics[0] - after, rest], axis=0)
    places = self._size + tf.range(tf.size(rest))  # The rule applies to parameters only.
    delta = tf.tensor_scatter_nd_update(delta, places[:, tf.newaxis], rest)
    writes += [variable.assign(slot) for variable, slot in zip(self._slots, slots)]
    with tf.control_dependencies(writes):
      if self._projection is None:
        return self._vector.assign_sub(delta)
      after = self._vector.read() - delta
      allowed = self._projection(after[: self._size])
      return self._vector.assign(tf.concat([allowed, after[self._size :]], axis=0))
