"""Seeds of what is drawn per replica and step, the same under every clock."""

from __future__ import annotations

import tensorflow as tf

# Names of streams, each with draws of its own.
PADDING = 0x57E9
MODEL = 0xD809  # E.g. of dropout.


def of_step(
  seed: int, stream: int, replica: int | tf.Tensor, step: int | tf.Tensor
) -> tf.Tensor:
  """Returns a seed for tf.random.stateless_*, [2] int64.

  Args:
    seed: config.seed.
    stream: PADDING or MODEL.
    replica: Scalar.
    step: The replica's, scalar.
  """
  own = tf.cast(seed * 65_536 + stream, tf.int64) + tf.cast(replica, tf.int64)
  return tf.stack([own, tf.cast(step, tf.int64)])
