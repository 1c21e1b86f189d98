"""Examples that are independent of each other: kept in memory, or streamed.

Dimensions: N examples, B of a minibatch.
"""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import tensorflow as tf

from distbelief.data import order, source


class InMemoryExamples(NamedTuple):
  """Examples in memory; the model's inputs are computed per minibatch only."""

  stored: Any  # Nested tensors, each [N, ...].
  owner: tf.Tensor  # [N] int64, the example's index in its split.
  finish: Any  # Converts a stored minibatch to the model's.

  def size(self) -> tf.Tensor:
    """Returns N, scalar int64."""
    return tf.size(self.owner, tf.int64)

  def examples(self, rows: tf.Tensor) -> source.Minibatch:
    """Returns the examples of rows [B] int64."""
    return self.finish(
      tf.nest.map_structure(lambda part: tf.gather(part, rows), self.stored)
    )


class Examples(source.Source):
  """A source whose splits are datasets of examples in a fixed order.

  In memory (the default) each epoch is a permutation of a replica's whole subset.
  Streamed, the subset is read again for every epoch and shuffled in a buffer.

  Attributes:
    num_examples: Number of training examples.
  """

  def __init__(self, seed: int, shuffle_buffer: int = 0) -> None:
    """Reads nothing yet.

    Args:
      seed: Seed of all orders.
      shuffle_buffer: Number of examples among which a stream chooses the next one; 0: all
        are kept in memory.
    """
    super().__init__(seed)
    self._shuffle_buffer = shuffle_buffer

  @property
  @abc.abstractmethod
  def num_examples(self) -> int:
    """Number of training examples."""

  @abc.abstractmethod
  def stored(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns examples first, first + stride, ... of a split, in the form to be stored.

    Args:
      split: Name of the split, source.TRAIN or source.HOLDOUT.
      first: Index of the first example, scalar int64.
      stride: Difference between indices, scalar int64.
    """

  def finish(self, stored: Any) -> source.Minibatch:
    """Returns the model's form of a stored minibatch."""
    return stored

  def least_subset(self, num_replicas: int) -> int:
    """Returns the least number of examples in each of so many subsets."""
    return self.num_examples // num_replicas

  def first(self, count: int) -> source.Minibatch:
    """Returns the first `count` training examples, or as many as there are."""
    dataset = source.frugal(self.stored(source.TRAIN, 0, 1).take(count).batch(count))
    return self.finish(dataset.get_single_element())

  def table(
    self, split: str, first: int | tf.Tensor = 0, stride: int | tf.Tensor = 1
  ) -> InMemoryExamples:
    """Reads examples first, first + stride, ... of a split into memory."""
    dataset = source.frugal(self.stored(split, first, stride).batch(tf.int64.max))
    stored = dataset.get_single_element()
    number = tf.shape(tf.nest.flatten(stored)[0], tf.int64)[0]
    first, stride = tf.cast(first, tf.int64), tf.cast(stride, tf.int64)
    return InMemoryExamples(stored, first + stride * tf.range(number), self.finish)

  def _minibatches(
    self,
    replica: tf.Tensor,
    stride: tf.Tensor,
    start: tf.Tensor,
    warm_end: tf.Tensor,
    batch_size: int,
  ) -> tf.data.Dataset:
    if not self._shuffle_buffer:
      return super()._minibatches(replica, stride, start, warm_end, batch_size)
    zero, one = tf.constant(0, tf.int64), tf.constant(1, tf.int64)
    warm_start = self._stream(zero, one, order.WARM_START, start, batch_size)
    after = tf.maximum(start - warm_end, 0)
    own = self._stream(replica, stride, order.of_replica(replica), after, batch_size)
    return warm_start.take(tf.maximum(warm_end - start, 0)).concatenate(own)

  def _stream(
    self,
    first: tf.Tensor,
    stride: tf.Tensor,
    stream: int | tf.Tensor,
    start: tf.Tensor,
    batch_size: int,
  ) -> tf.data.Dataset:
    """Returns minibatches from step `start` on; costs reading its epoch up to there."""
    size = (self.num_examples - first + stride - 1) // stride
    steps_per_epoch = size // batch_size
    seed = tf.stack([tf.cast(self.seed, tf.int64), tf.cast(stream, tf.int64)])

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
      own_seed = tf.random.experimental.stateless_fold_in(seed, number)
      subset = self.stored(source.TRAIN, first, stride)
      shuffled = _shuffle(subset, self._shuffle_buffer, own_seed)
      batches = shuffled.batch(batch_size, drop_remainder=True)
      return batches.skip(
        tf.where(number == start // steps_per_epoch, start % steps_per_epoch, 0)
      )

    epochs = tf.data.Dataset.range(start // steps_per_epoch, tf.int64.max)
    return self._finished(epochs.flat_map(epoch))

  def _finished(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    # A dataset hands over the parts of a tuple one by one.
    return batches.map(lambda *parts: self.finish(parts[0] if len(parts) < 2 else parts))

  @tf.autograph.experimental.do_not_convert
  def holdout(self, batch_size: int) -> tf.data.Dataset:
    """Returns all held-out examples once, in order; the last batch may be short."""
    if not self._shuffle_buffer:
      return super().holdout(batch_size)
    batches = self.stored(source.HOLDOUT, 0, 1).batch(batch_size)
    return source.frugal(self._finished(batches).prefetch(2))


def _shuffle(dataset: tf.data.Dataset, buffer: int, seed: tf.Tensor) -> tf.data.Dataset:
  """Returns the dataset in an order that is a function of `seed`, [2] int64.

  The operation of tf.data.Dataset.shuffle keeps its first seed for as long as a function
  lives (2.21), so that every epoch would have the same order; the older one does not.
  """
  spec = tf.nest.flatten(dataset.element_spec)
  shuffled = tf.raw_ops.ShuffleDataset(
    input_dataset=tf.data.experimental.to_variant(dataset),
    buffer_size=buffer,
    seed=seed[0],
    seed2=seed[1],
    output_types=[tensor.dtype for tensor in spec],
    output_shapes=[tensor.shape for tensor in spec],
    reshuffle_each_iteration=False,
  )
  return tf.data.experimental.from_variant(shuffled, dataset.element_spec)
