"""State that training changes beside parameters, e.g. batch normalisation's averages.

Statistics have no gradient, so the papers' rules do not cover them. A step moves a
statistic part of the way to the value of its minibatch:

    after = scale * before + shift        (batch normalisation: scale is the momentum)

and a replica accrues and pushes that map, not the difference. However old the statistics
were that the replica had fetched, the server then does what one process would have done
with the same minibatches, one after the other: a moving average over those of all
replicas. (Differences would accumulate: with momentum 0.9, twenty replicas that each add
their difference to a stale value make it oscillate and grow.)
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import tensorflow as tf

Tensors: TypeAlias = list[tf.Tensor]  # float32, one per statistic of the model.


class Weights(NamedTuple):
  """All values of a model that training changes."""

  params: Tensors  # One per trainable variable.
  statistics: Tensors


class AffineUpdate(NamedTuple):
  """The effect of steps on statistics: scale * before + shift, element by element."""

  scale: Tensors
  shift: Tensors

  @classmethod
  def identity(cls, statistics: Tensors) -> AffineUpdate:
    """Returns the update of no step at all."""
    return cls(
      [tf.ones_like(s) for s in statistics], [tf.zeros_like(s) for s in statistics]
    )

  @classmethod
  def of_step(cls, before: Tensors, after: Tensors, scale: Tensors) -> AffineUpdate:
    """Returns the update of one step.

    Args:
      before: Statistics before the step.
      after: Statistics after the step.
      scale: Derivative of `after` with respect to `before`: 1 adds, 0 overwrites.
    """
    return cls(scale, [a - k * b for a, k, b in zip(after, scale, before)])

  def then(self, later: AffineUpdate) -> AffineUpdate:
    """Returns the update of these steps followed by later ones."""
    return AffineUpdate(
      [k * s for k, s in zip(later.scale, self.scale)],
      [k * s + m for k, s, m in zip(later.scale, self.shift, later.shift)],
    )

  def apply(self, statistics: Tensors) -> Tensors:
    """Returns the statistics after these steps."""
    return [k * s + m for k, s, m in zip(self.scale, statistics, self.shift)]
