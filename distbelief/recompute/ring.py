"""The sum that a ring all-reduce makes, in its order of additions.

Floating-point addition is not associative: another order gives another last bit. A ring
of M workers cuts a vector into M chunks. Chunk c starts at worker c and passes all
others, each of which adds its own part: ((g_c + g_c+1) + g_c+2) + ... TensorFlow makes
chunks of one length, rounded up to its blocks of memory, and halves those of more than
4 MiB (tensorflow/core/common_runtime/ring_alg.cc; one device a worker). Workers follow
each other in the order of their names, in which 10 comes before 2
(tensorflow/core/common_runtime/collective_param_resolver_local.cc).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_BLOCK = 16  # Numbers in the 64 bytes to which TensorFlow aligns memory.
_LARGE_BYTES = 4 * 2**20


def parts(size: int, num_workers: int) -> list[tuple[int, int, int]]:
  """Returns (first in the ring, start, end) of each part of a vector; may be empty."""
  halves = 2 if 4 * size // num_workers > _LARGE_BYTES else 1
  count = num_workers * halves
  # TensorFlow adds a block to a length that is whole already.
  length = (-(-size // count) // _BLOCK + 1) * _BLOCK
  starts = [min(part * length, size) for part in range(count + 1)]
  return [(i // halves, starts[i], starts[i + 1]) for i in range(count)]


def ring_sum(vectors: Sequence[tf.Tensor]) -> tf.Tensor:
  """Returns the sum of the workers' vectors, each [P], as their ring makes it."""
  vectors = [vectors[worker] for worker in sorted(range(len(vectors)), key=str)]
  summed = []
  for first, start, end in parts(vectors[0].shape[0], len(vectors)):
    total, *others = [
      vector[start:end] for vector in [*vectors[first:], *vectors[:first]]
    ]
    for other in others:
      total = total + other
    summed.append(total)
  return tf.concat(summed, 0)
