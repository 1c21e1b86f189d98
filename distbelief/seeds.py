"""Seeds of what is drawn per replica and step, the same under every clock."""

from __future__ import annotations

import tensorflow as tf

# Names of streams, each with draws of its own.
PADDING = 0x57E9
MODEL = 0xD809  # E.g. of dropout.


def of_step(
  seed: int | tf.Tensor, stream: int, replica: int | tf.Tensor, step: int | tf.Tensor
) -> tf.Tensor:
  """Returns seeds for tf.random.stateless_*, [..., 2] int64.

  Args:
    seed: config.seed; an int64 scalar if it is a tensor.
    stream: PADDING or MODEL.
    replica: Any shape.
    step: The replica's, of the same shape.
  """
  own = tf.cast(seed * 65_536 + stream, tf.int64) + tf.cast(replica, tf.int64)
  return tf.stack([own, tf.cast(step, tf.int64)], axis=-1)
