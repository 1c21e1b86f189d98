"""Seeds of random draws per replica and step, the same under every clock."""

from __future__ import annotations

import tensorflow as tf

# Names of streams, each with draws of its own.
PADDING = 0x57E9
MODEL = 0xD809  # E.g. of dropout.

# A seed has 65,536 numbers, of which each stream takes so many, one per replica: less
# than 1,000 are left between the streams. Replicas beyond have numbers below 0.
_REPLICAS = 32_000


def of_step(
  seed: int | tf.Tensor, stream: int, replica: int | tf.Tensor, step: int | tf.Tensor
) -> tf.Tensor:
  """Returns seeds for tf.random.stateless_*, [..., 2] int64.

  No two (seed, stream, replica) have a number in common.

  Args:
    seed: config.seed, less than 2**31; an int64 scalar if it is a tensor.
    stream: Name of the stream, PADDING or MODEL.
    replica: Index of the replica, less than 2**31; of any shape.
    step: Step of the replica, of the same shape.
  """
  seed, replica = tf.cast(seed, tf.int64), tf.cast(replica, tf.int64)
  near = seed * 65_536 + stream + replica
  far = -1 - ((2 * seed + int(stream == MODEL)) * 2**31 + replica)
  number = tf.where(replica < _REPLICAS, near, far)
  return tf.stack([number, tf.cast(step, tf.int64)], axis=-1)
