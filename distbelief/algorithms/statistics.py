"""What training changes beside parameters, e.g. batch normalisation's moving averages.

No gradient is theirs, so the papers' rules do not speak of them. A step takes a statistic
part of the way to what its minibatch says:

    after = scale * before + shift        (batch normalisation: scale is the momentum)

and that map, not the difference, is what a replica accrues and pushes. However old the
statistics were that the replica had fetched, the server then does what one process would
have done with the same minibatches, one after the other: a moving average over those of
all replicas. (Differences would pile up: with momentum 0.9, twenty replicas that each
add their difference to a stale value make it oscillate and grow.)
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

Tensors = list[tf.Tensor]  # float32, one per statistic of the model.


class Weights(NamedTuple):
  """All of a model that training changes."""

  params: Tensors  # One per trainable variable.
  statistics: Tensors


class AffineUpdate(NamedTuple):
  """What steps do to statistics: scale * before + shift, element by element."""

  scale: Tensors
  shift: Tensors

  @classmethod
  def identity(cls, statistics: Tensors) -> AffineUpdate:
    """Returns that of no step at all."""
    return cls(
      [tf.ones_like(s) for s in statistics], [tf.zeros_like(s) for s in statistics]
    )

  @classmethod
  def of_step(cls, before: Tensors, after: Tensors, scale: Tensors) -> AffineUpdate:
    """Returns that of one step.

    Args:
      before: What it began with.
      after: What it ended with.
      scale: The derivative of `after` by `before`: 1 adds, 0 overwrites.
    """
    return cls(scale, [a - k * b for a, k, b in zip(after, scale, before)])

  def then(self, later: AffineUpdate) -> AffineUpdate:
    """Returns that of these steps and later ones."""
    return AffineUpdate(
      [k * s for k, s in zip(later.scale, self.scale)],
      [k * s + m for k, s, m in zip(later.scale, self.shift, later.shift)],
    )

  def apply(self, statistics: Tensors) -> Tensors:
    """Returns the statistics after these steps."""
    return [k * s + m for k, s, m in zip(self.scale, statistics, self.shift)]
