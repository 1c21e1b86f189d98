"""Adagrad as in the paper (Section 4.1): no epsilon, no initial accumulator."""

from typing import Any

import tensorflow as tf

SLOTS = ('root_sum_squares',)


def adagrad(
  slots: tuple, gradient: Any, staleness: Any, rate: float
) -> tuple[Any, tuple]:
  """Returns delta = gamma * g / sqrt(sum of g^2 including this one), with 0/0 = 0.

  eta_{i,K} = gamma / sqrt(sum_{j=1..K} dw_{i,j}^2), Section 4.1. The slot holds the
  root of the sum, not the sum: in float32 the square of 1e-25 is 0 and that of 1e20 is
  infinite. The root moves by a hypot that divides the smaller term by the larger one.
  """
  del staleness
  (root,) = slots
  size = tf.abs(gradient)
  larger, smaller = tf.maximum(root, size), tf.minimum(root, size)
  ratio = tf.math.divide_no_nan(smaller, larger)
  root = larger * tf.sqrt(1.0 + tf.square(ratio))
  delta = rate * tf.math.divide_no_nan(gradient, root)
  return delta, (root,)
