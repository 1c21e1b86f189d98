"""A source of labelled examples: a training split for replicas, and a hold-out split.

Dimensions: N examples to choose from, B examples of a minibatch.
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import tensorflow as tf

from distbelief import errors
from distbelief.data import order

TRAIN, HOLDOUT = 'train', 'holdout'

# (inputs, labels) or (inputs, labels, weights), each may be nested.
Minibatch: TypeAlias = Any


class Table(Protocol):
  """Examples in memory, with random access."""

  @property
  def owner(self) -> tf.Tensor:
    """[N] int64, what subsets are made of: an utterance, or the example."""
    ...

  def size(self) -> tf.Tensor:
    """Returns N, scalar int64."""
    ...

  def examples(self, rows: tf.Tensor) -> Minibatch:
    """Returns the examples of rows [B] int64."""
    ...


class Source(abc.ABC):
  """Examples of two splits; creating a source computes and reads nothing.

  Its datasets consist of TensorFlow ops, eagerly or in a function that runs on another
  machine.

  Attributes:
    name: Name of the data set in the config.
    num_classes: Number of classes if labels are class indices; None: they are not, or it
      is unknown.
  """

  name: str
  num_classes: int | None = None

  def __init__(self, seed: int) -> None:
    """Sets the seed of all orders."""
    self.seed = seed

  @property
  @abc.abstractmethod
  def spec(self) -> Minibatch:
    """TensorSpecs of one example."""

  def prepare(self) -> None:  # noqa: B027 (most sources have nothing to prepare)
    """Downloads and builds what is missing, once, where there is a network."""

  def keep(self, folder: Path) -> None:  # noqa: B027 (most sources need no place)
    """Caches data in `folder`, a directory that all tasks share.

    Args:
      folder: Directory for this cache alone.
    """

  @abc.abstractmethod
  def least_subset(self, num_replicas: int) -> int:
    """Returns the least number of examples in each of so many subsets."""

  @abc.abstractmethod
  def table(
    self, split: str, first: int | tf.Tensor = 0, stride: int | tf.Tensor = 1
  ) -> Table:
    """Returns the examples of owners first, first + stride, ... of a split.

    Args:
      split: Name of the split, TRAIN or HOLDOUT.
      first: Index of the first owner, scalar int64.
      stride: Difference between indices, scalar int64.
    """

  @abc.abstractmethod
  def first(self, count: int) -> Minibatch:
    """Returns the first `count` training examples, or as many as there are."""

  def minibatch_spec(self, batch_size: int | None) -> Minibatch:
    """Returns the TensorSpecs of a minibatch."""
    return tf.nest.map_structure(
      lambda tensor: tf.TensorSpec([batch_size, *tensor.shape], tensor.dtype), self.spec
    )

  def check(self, num_replicas: int, batch_size: int) -> None:
    """Raises errors.ConfigError if a subset may be smaller than one minibatch."""
    surely = self.least_subset(num_replicas)
    if surely == 0:
      raise errors.ConfigError(
        'config.cluster.num_replicas',
        num_replicas,
        f'leaves a replica without data: {self.name} has too little for so many; have '
        'fewer replicas, or more data',
      )
    if batch_size > surely:
      raise errors.ConfigError(
        'config.data.batch_size',
        batch_size,
        f'must be at most {surely}, the least that the subset of one of {num_replicas} '
        'replicas may have (else fewer replicas, or more data)',
      )

  @tf.autograph.experimental.do_not_convert
  def minibatches(
    self,
    replica: int | tf.Tensor,
    num_replicas: int,
    start: int | tf.Tensor,
    batch_size: int,
    warmstart_steps: int = 0,
  ) -> tf.data.Dataset:
    """Returns one replica's endless stream of minibatches, from step `start` on.

    A replica draws from its own subset only. But the first steps of replica 0 can be a
    warm start: on the whole training set, in an order that does not depend on
    num_replicas. Step 0 of its own subset follows.

    Args:
      replica: Index of the replica in [0, num_replicas), scalar int.
      num_replicas: Number of disjoint subsets that cover the training set.
      start: First step wanted, scalar int; it costs no more than step 0.
      batch_size: Number of examples in a minibatch, B.
      warmstart_steps: Number of steps of the warm start.

    Returns:
      A dataset of minibatches as `minibatch_spec` describes them.
    """
    self.check(num_replicas, batch_size)
    replica, stride, start, warm_end = (
      tf.cast(x, tf.int64) for x in (replica, num_replicas, start, warmstart_steps)
    )
    warm_end = tf.where(replica == 0, warm_end, tf.constant(0, tf.int64))
    return frugal(
      self._minibatches(replica, stride, start, warm_end, batch_size).prefetch(2)
    )

  def _minibatches(
    self,
    replica: tf.Tensor,
    stride: tf.Tensor,
    start: tf.Tensor,
    warm_end: tf.Tensor,
    batch_size: int,
  ) -> tf.data.Dataset:
    zero, one = tf.constant(0, tf.int64), tf.constant(1, tf.int64)
    warm = start < warm_end
    table = self.table(TRAIN, tf.where(warm, zero, replica), tf.where(warm, one, stride))

    def steps(
      rows: tf.Tensor, stream: int | tf.Tensor, first: tf.Tensor, end: int | tf.Tensor
    ) -> tf.data.Dataset:
      return tf.data.Dataset.range(first, end).map(
        lambda step: table.examples(
          order.minibatch(rows, self.seed, stream, step, batch_size)
        )
      )

    everything = tf.range(table.size())
    warm_start = steps(everything, order.WARM_START, start, warm_end)
    own = order.subset(table.owner, replica, stride)
    after = tf.maximum(start - warm_end, 0)
    own_steps = steps(own, order.of_replica(replica), after, tf.int64.max)
    return warm_start.concatenate(own_steps)

  @tf.autograph.experimental.do_not_convert
  def holdout(self, batch_size: int) -> tf.data.Dataset:
    """Returns all held-out examples once, in order; the last batch may be short.

    Args:
      batch_size: Number of examples in a minibatch, B.
    """
    table = self.table(HOLDOUT)
    batches = tf.data.Dataset.range(table.size()).batch(batch_size)
    return frugal(batches.map(table.examples).prefetch(2))


def frugal(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """Returns the dataset with one thread: many replicas may share a machine."""
  options = tf.data.Options()
  options.autotune.enabled = False
  options.threading.private_threadpool_size = 1
  options.threading.max_intra_op_parallelism = 1
  return dataset.with_options(options)
