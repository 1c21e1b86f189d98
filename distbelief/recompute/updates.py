"""Updates of a shard, several in a call.

Each is compiled on its own; compiled together, every one would be computed again for all
later ones.

Dimensions: P_s parameters of a shard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from distbelief.algorithms.server import ServerRule

LENGTHS = (8, 4, 2, 1)  # Updates in a call; each length has one traced function.

Slots: TypeAlias = tuple[tf.Tensor, ...]


class Updates:
  """Applies pushes to the parameters of a shard.

  Attributes:
    rule: Rule of the server.
  """

  def __init__(self, rule: ServerRule, num_replicas: int, compiled: bool = True) -> None:
    """Stores the arguments; functions are traced on first use.

    Args:
      rule: Rule of the server.
      num_replicas: Number of replicas, a fact that the rule may ask for.
      compiled: Whether updates are compiled: twice as fast; otherwise they are rounded as
        on a real shard.
    """
    self.rule, self._num_replicas = rule, num_replicas
    self._several = tf.function(self._one_after_the_other, autograph=False)
    self._one = self._update
    if compiled:
      self._one = tf.function(self._update, autograph=False, jit_compile=True)

  def make(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradients: Sequence[tf.Tensor],
    staleness: np.ndarray,
    warm: np.ndarray,
    facts: Mapping[str, np.ndarray],
    shard: int = 0,
  ) -> tuple[list[tf.Tensor], Slots]:
    """Returns a shard's parameters after each of some pushes, and its slots after all.

    Args:
      params: Parameters of the shard, [P_s].
      slots: Slots of the rule, each [P_s].
      gradients: Gradients of the pushes, as many as an element of LENGTHS, each [P_s].
      staleness: Staleness of each push, [pushes] int64.
      warm: Whether each push is of the warm start, [pushes] bool.
      facts: Facts that differ from push to push, each [pushes].
      shard: Index of the shard.
    """
    asked = {name: facts[name] for name in self.rule.rule.facts if name in facts}
    # One function for all shards of a length, unless some have constraints of their own.
    own = shard if self.rule.projection(shard) else -1
    return self._several(params, slots, list(gradients), staleness, warm, asked, own)

  def _one_after_the_other(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradients: list[tf.Tensor],
    staleness: tf.Tensor,
    warm: tf.Tensor,
    facts: dict[str, tf.Tensor],
    shard: int,
  ) -> tuple[list[tf.Tensor], Slots]:
    after = []
    for place, gradient in enumerate(gradients):
      own = {name: values[place] for name, values in facts.items()}
      params, slots = self._one(
        params, slots, gradient, staleness[place], warm[place], own, shard
      )
      after.append(params)
    return after, slots

  def _update(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradient: tf.Tensor,
    staleness: tf.Tensor,
    warm: tf.Tensor,
    facts: dict[str, tf.Tensor],
    shard: int,
  ) -> tuple[tf.Tensor, Slots]:
    facts = facts | {'replicas': self._num_replicas}
    delta, slots = self.rule.update(slots, gradient, staleness, warm, facts)
    projection = self.rule.projection(shard) if shard >= 0 else None
    after = params - delta
    return after if projection is None else projection(after), slots
