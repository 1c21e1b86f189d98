"""Updates of a shard, several in a call.

Each is compiled on its own; compiled together, every one would be computed again for all
that come after it.

Dimensions: P_s parameters of a shard.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from distbelief.algorithms.server import ServerRule

LENGTHS = (8, 4, 2, 1)  # Updates in a call; of each there is one traced function.

Slots = tuple[tf.Tensor, ...]


class Updates:
  """What pushes do to the parameters of a shard.

  Attributes:
    rule: The server's.
  """

  def __init__(self, rule: ServerRule, compiled: bool = True) -> None:
    """Traces nothing yet.

    Args:
      rule: The server's.
      compiled: Twice as fast; not compiled, it is rounded as a real shard does.
    """
    self.rule = rule
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
  ) -> tuple[list[tf.Tensor], Slots]:
    """Returns a shard's parameters after each of some pushes, and its slots after all.

    Args:
      params: [P_s].
      slots: The rule's, each [P_s].
      gradients: Of as many pushes as LENGTHS has, each [P_s].
      staleness: [pushes] int64.
      warm: [pushes] bool.
    """
    return self._several(params, slots, list(gradients), staleness, warm)

  def _one_after_the_other(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradients: list[tf.Tensor],
    staleness: tf.Tensor,
    warm: tf.Tensor,
  ) -> tuple[list[tf.Tensor], Slots]:
    after = []
    for place, gradient in enumerate(gradients):
      params, slots = self._one(params, slots, gradient, staleness[place], warm[place])
      after.append(params)
    return after, slots

  def _update(
    self,
    params: tf.Tensor,
    slots: Slots,
    gradient: tf.Tensor,
    staleness: tf.Tensor,
    warm: tf.Tensor,
  ) -> tuple[tf.Tensor, Slots]:
    delta, slots = self.rule.update(slots, gradient, staleness, warm)
    return params - delta, slots
