"""The version that a shard's vector carries in its last elements.

Value and version are one vector, changed by one subtraction: so an unlocked read never
returns a value with another version. One float32 is exact only up to 2^24, so it takes
two: version = high * 2^20 + low.
"""

from __future__ import annotations

import tensorflow as tf

TAIL = 2  # Number of elements.
_CARRY = 2**20


def version_of(vector: tf.Tensor) -> tf.Tensor:
  """Returns the int64 version that a shard's vector carries."""
  tail = tf.cast(vector[-TAIL:], tf.int64)
  return tail[0] * _CARRY + tail[1]


def tail_of(version: int) -> list[float]:
  """Returns the two elements that make `version_of` return `version`."""
  return [float(part) for part in divmod(int(version), _CARRY)]


def to_next(version: tf.Tensor) -> tf.Tensor:
  """Returns what to subtract from the tail to make the next version, [TAIL] float32."""
  # low + 1, or at a carry low = 0 and high + 1.
  carry = tf.equal((version + 1) % _CARRY, 0)
  return tf.where(carry, [-1.0, _CARRY - 1.0], [0.0, -1.0])
