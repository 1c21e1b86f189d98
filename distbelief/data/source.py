"""A source of labelled frames for replicas to train on, and of frames held out.

Dimensions: T frames of an utterance, B examples of a minibatch.
"""

from __future__ import annotations

import abc

import tensorflow as tf

from distbelief import errors
from distbelief.data import features, order, table

TRAIN, HOLDOUT = 'train', 'holdout'


class Source(abc.ABC):
  """Utterances of two splits; creating a source computes and reads nothing.

  Its datasets are made of TensorFlow ops, eagerly or in a function that runs on
  another machine.
  """

  input_shape = (features.NUM_INPUTS,)
  num_classes: int
  num_utterances: int  # To train on.
  num_training_frames: int
  shortest_utterance: int  # Frames.

  def __init__(self, seed: int) -> None:
    """Sets the seed of all orders."""
    self.seed = seed

  def prepare(self) -> None:  # noqa: B027 (most sources have nothing to prepare)
    """Downloads and builds what is missing, once, where there is a network."""

  @abc.abstractmethod
  def utterances(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns utterances first, first + stride, ... of a split, in this order.

    Args:
      split: TRAIN or HOLDOUT.
      first: Scalar int64.
      stride: Scalar int64.

    Returns:
      Pairs of normalised frames [T, features.NUM_MEL] float32 and labels [T] int32.
    """

  def table(
    self, split: str, first: int | tf.Tensor = 0, stride: int | tf.Tensor = 1
  ) -> table.Table:
    """Computes the frames of utterances first, first + stride, ... of a split."""
    return table.collect(_frugal(self.utterances(split, first, stride)), first, stride)

  def check(self, num_replicas: int, batch_size: int) -> None:
    """Raises errors.ConfigError if a subset may be smaller than one minibatch."""
    surely = self.num_utterances // num_replicas * self.shortest_utterance
    if batch_size > surely:
      raise errors.ConfigError(
        'config.data.batch_size',
        batch_size,
        f'must be at most {surely}, the least that the subset of one of {num_replicas} '
        'replicas may have (else fewer replicas, or more utterances)',
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

    A replica sees its own subset only. But the first steps of replica 0 can be a warm
    start: on all training utterances, in an order that does not depend on
    num_replicas. Step 0 of its own subset follows.

    Args:
      replica: Scalar int, in [0, num_replicas).
      num_replicas: Number of disjoint subsets that cover the training utterances.
      start: Scalar int, the first step wanted; it costs no more than step 0.
      batch_size: B.
      warmstart_steps: Length of the warm start.

    Returns:
      A dataset of inputs [B, 440] float32 and labels [B] int32.
    """
    self.check(num_replicas, batch_size)
    replica, stride, start, warm_end = (
      tf.cast(x, tf.int64) for x in (replica, num_replicas, start, warmstart_steps)
    )
    zero, one = tf.constant(0, tf.int64), tf.constant(1, tf.int64)
    warm_end = tf.where(replica == 0, warm_end, zero)
    warm = start < warm_end
    frames = self.table(TRAIN, tf.where(warm, zero, replica), tf.where(warm, one, stride))

    def steps(
      rows: tf.Tensor, stream: int | tf.Tensor, first: tf.Tensor, end: int | tf.Tensor
    ) -> tf.data.Dataset:
      return tf.data.Dataset.range(first, end).map(
        lambda step: frames.examples(
          order.minibatch(rows, self.seed, stream, step, batch_size)
        )
      )

    everything = tf.range(frames.size())
    warm_start = steps(everything, order.WARM_START, start, warm_end)
    own = order.subset(frames, replica, stride)
    after = tf.maximum(start - warm_end, 0)
    own_steps = steps(own, order.of_replica(replica), after, tf.int64.max)
    return _frugal(warm_start.concatenate(own_steps).prefetch(2))

  @tf.autograph.experimental.do_not_convert
  def holdout(self, batch_size: int) -> tf.data.Dataset:
    """Returns all held-out frames once, in order; the last batch may be short.

    Args:
      batch_size: B.

    Returns:
      A dataset of inputs [B, 440] float32 and labels [B] int32.
    """
    frames = self.table(HOLDOUT)
    batches = tf.data.Dataset.range(frames.size()).batch(batch_size)
    return _frugal(batches.map(frames.examples).prefetch(2))


def _frugal(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """Returns the dataset with one thread: many replicas may share a machine."""
  options = tf.data.Options()
  options.autotune.enabled = False
  options.threading.private_threadpool_size = 1
  options.threading.max_intra_op_parallelism = 1
  return dataset.with_options(options)
