"""The partition of the parameters over shards: an even cut of the model's flat vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Piece(NamedTuple):
  """A range of one variable's elements that lies on one shard."""

  variable: int
  shard: int
  start: int  # In the flattened variable.
  offset: int  # In the shard.
  size: int


class Sharding:
  """Cuts the model's variables, laid end to end, into equal slices.

  P parameters on n shards: the first P mod n shards hold one parameter more (as
  FixedShardsPartitioner cuts a vector).

  Attributes:
    shapes: The shape of each variable of the model.
    sizes: The number of parameters on each shard.
    pieces: Ranges of variables, shard by shard; none is empty.
  """

  def __init__(self, shapes: Sequence[Sequence[int]], num_shards: int) -> None:
    """Plans the cut.

    Args:
      shapes: Static shape of each variable, in the model's order.
      num_shards: Number of shards, at least 1; more shards than parameters leaves some
        empty.
    """
    self.shapes = [tuple(shape) for shape in shapes]
    counts = [math.prod(shape) for shape in self.shapes]
    base, extra = divmod(sum(counts), num_shards)
    self.sizes = [base + (shard < extra) for shard in range(num_shards)]
    self.pieces = list(_cut(counts, self.sizes))

  @property
  def num_shards(self) -> int:
    """How many slices there are."""
    return len(self.sizes)

  def split(
    self,
    tensors: Sequence[tf.Tensor],
    tails: Sequence[tf.Tensor] | None = None,
  ) -> list[tf.Tensor]:
    """Returns each shard's slice of the tensors.

    Args:
      tensors: One tensor per variable, of the planned shapes and of one dtype.
      tails: Tensors to append to each slice, in the one copy that is made anyway.

    Returns:
      A slice [sizes[i] + length of tails[i]] per shard i.
    """
    flat = [tf.reshape(tensor, [-1]) for tensor in tensors]
    if tails is None:
      tails = [tf.zeros([0], flat[0].dtype if flat else tf.float32)] * self.num_shards
    return [
      tf.concat(
        [
          *(
            flat[p.variable][p.start : p.start + p.size]
            for p in self.pieces
            if p.shard == shard
          ),
          tail,
        ],
        axis=0,
      )
      for shard, tail in enumerate(tails)
    ]

  def join(self, slices: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns one tensor per variable from the shards' slices; tails are ignored.

    Args:
      slices: One slice per shard i, of at least [sizes[i]].
    """
    tensors = []
    for variable, shape in enumerate(self.shapes):
      pieces = [
        slices[p.shard][p.offset : p.offset + p.size]
        for p in self.pieces
        if p.variable == variable
      ]
      flat = pieces[0] if len(pieces) == 1 else tf.concat(pieces, axis=0)
      tensors.append(tf.reshape(flat, shape))
    return tensors


class FlatLayout:
  """How a model's variables lie end to end in one vector.

  Attributes:
    size: Number of elements of the vector.
  """

  def __init__(self, shapes: Sequence[Sequence[int]]) -> None:
    """Plans the vector.

    Args:
      shapes: Static shape of each variable, in the model's order.
    """
    self._whole = Sharding(shapes, 1)
    (self.size,) = self._whole.sizes

  def flatten(
    self, tensors: Sequence[tf.Tensor], tail: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns the tensors as one vector, [size + length of tail].

    Args:
      tensors: One per variable, of the planned shapes and of one dtype.
      tail: Elements to append, in the one copy that is made anyway.
    """
    (vector,) = self._whole.split(tensors, None if tail is None else [tail])
    return vector

  def unflatten(self, vector: tf.Tensor) -> list[tf.Tensor]:
    """Returns one tensor per variable from a vector [size]; a tail is ignored."""
    return self._whole.join([vector])


def _cut(counts: Sequence[int], sizes: Sequence[int]) -> list[Piece]:
  pieces = []
  shard, room, offset = 0, sizes[0], 0
  for variable, count in enumerate(counts):
    start = 0
    while start < count:
      while room == 0:
        shard, offset = shard + 1, 0
        room = sizes[shard]
      size = min(count - start, room)
      pieces.append(Piece(variable, shard, start, offset, size))
      start, offset, room = start + size, offset + size, room - size
  return pieces
