"""Updates of a shard, several in a call.

Each is compiled on its own; compiled together, every one would be computed again for all
that come after it.

Dimensions: P_s parameters of a shard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from distbelief.algorithms.server import ServerRule

LENGTHS = (8, 4, 2, 1)  # Updates in a call; of each there is one traced function.

Slots: TypeAlias = tuple[tf.Tensor, ...]


class Updates:
  """What pushes do to the parameters of a shard.

  Attributes:
    rule: The server's.
  """

  def __init__(self, rule: ServerRule, num_replicas: int, compiled: bool = True) -> None:
    """Traces nothing yet.

    Args:
      rule: Server's rule.
      num_replicas: Number of replicas, a fact that the rule may ask for.
      compiled: Twice as fast; not compiled, it is rounded as a real shard does.
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
  ) -> tuple[list[tf.Tensor], Slots]:
    """Returns a shard's parameters after each of some pushes, and its slots after all.

    Args:
      params: [P_s].
      slots: The rule's, each [P_s].
      gradients: Of as many pushes as LENGTHS has, each [P_s].
      staleness: [pushes] int64.
      warm: [pushes] bool.
      facts: Those that differ from push to push, each [pushes].
    """
    asked = {name: facts[name] for name in self.rule.rule.facts if name in facts}
    return self._several(params, slots, list(gradients), staleness, warm, asked)

  def _one_after_the_other(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradients: list[tf.Tensor],
    staleness: tf.Tensor,
    warm: tf.Tensor,
    facts: dict[str, tf.Tensor],
  ) -> tuple[list[tf.Tensor], Slots]:
    after = []
    for place, gradient in enumerate(gradients):
      own = {name: values[place] for name, values in facts.items()}
      params, slots = self._one(
        params, slots, gradient, staleness[place], warm[place], own
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
  ) -> tuple[tf.Tensor, Slots]:
    facts = facts | {'replicas': self._num_replicas}
    delta, slots = self.rule.update(slots, gradient, staleness, warm, facts)
    return params - delta, slots
