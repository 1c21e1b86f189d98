"""A seeded random projection of a model's parameters, cheap at any size.

The flat vector x of P elements is read in rows of DIMENSION; each row has a sign, drawn
from the seed, and the sketch is the signed sum of the rows. Its square is |x|^2 on
average, with a relative standard deviation of some sqrt(2 / DIMENSION), 9 %: so distances
are good to 4.5 %. (Where rows are alike it is more: for the gradient of a single narrow
layer, 784 to 10, distances are good to 23 %.) A sketch is linear, and that of a part of x
is what the part adds to the sketch of the whole; shards and replicas, which cut x
differently, get the same one. The cost is one pass over the parameters: signs times a
matrix of rows.

DIMENSION (telemetry/swarm.py) is a prime, so that rows do not fall in step with those of
weight matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from distbelief.telemetry.swarm import DIMENSION


class Sketch:
  """Projects vectors of one model."""

  def __init__(self, num_parameters: int, seed: int) -> None:
    """Draws the signs.

    Args:
      num_parameters: Number of parameters, P.
      seed: Seed of the signs, config.seed.
    """
    rows = -(-num_parameters // DIMENSION)
    bits = np.random.default_rng([seed, 0x5EE]).integers(0, 2, rows)
    self._signs = (2.0 * bits - 1.0).astype(np.float32)

  def part(self, values: tf.Tensor, start: int) -> tf.Tensor:
    """Returns a part's contribution to the sketch of the vector, [DIMENSION] float32.

    Args:
      values: Elements start to start + n of the vector, [n] float32; n is static.
      start: Index of the part's first element in the flat vector.
    """
    size = values.shape[0]
    first = -start % DIMENSION  # Elements before the first whole row.
    head = min(first, size)
    whole = (size - head) // DIMENSION
    tail = size - head - whole * DIMENSION
    row = -(-start // DIMENSION)
    total = tf.zeros([DIMENSION])
    if head:
      column = start % DIMENSION
      own = self._signs[row - 1] * values[:head]
      total += tf.pad(own, [[column, DIMENSION - column - head]])
    if whole:
      matrix = tf.reshape(values[head : size - tail], [whole, DIMENSION])
      total += tf.linalg.matvec(matrix, self._signs[row : row + whole], transpose_a=True)
    if tail:
      own = self._signs[row + whole] * values[size - tail :]
      total += tf.pad(own, [[0, DIMENSION - tail]])
    return total

  def of(self, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sketch of tensors laid end to end, [DIMENSION] float32.

    Args:
      tensors: One tensor per variable of the model, of static shape.
    """
    total, start = tf.zeros([DIMENSION]), 0
    for tensor in tensors:
      total += self.part(tf.reshape(tensor, [-1]), start)
      start += math.prod(tensor.shape)
    return total
