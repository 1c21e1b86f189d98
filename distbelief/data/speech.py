"""Speech as frame classification: utterances whose every frame has a label.

Dimensions: T frames of an utterance.
"""

from __future__ import annotations

import abc

import ml_collections
import tensorflow as tf

from distbelief import errors
from distbelief.data import features, source, table


class Speech(source.Source):
  """Utterances of two splits; an example is a frame with its neighbours."""

  num_utterances: int  # In the training set.
  num_training_frames: int
  shortest_utterance: int  # In frames.

  @property
  def spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """Stacked frames [440] float32, and the state that the centre one belongs to."""
    return tf.TensorSpec([features.NUM_INPUTS]), tf.TensorSpec([], tf.int32)

  def least_subset(self, num_replicas: int) -> int:
    """Returns the least number of frames in each of so many subsets."""
    return self.num_utterances // num_replicas * self.shortest_utterance

  def first(self, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first `count` training frames, or as many as there are."""
    least = max(1, self.shortest_utterance)
    utterances = self.utterances(source.TRAIN, 0, 1).take(-(-count // least))
    frames = table.collect(source.frugal(utterances), 0, 1)
    return frames.examples(tf.range(frames.size())[:count])

  @abc.abstractmethod
  def utterances(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns utterances first, first + stride, ... of a split, in this order.

    Args:
      split: Name of the split, source.TRAIN or source.HOLDOUT.
      first: Index of the first utterance, scalar int64.
      stride: Difference between indices, scalar int64.

    Returns:
      Pairs of normalised frames [T, features.NUM_MEL] float32 and labels [T] int32.
    """

  def table(
    self, split: str, first: int | tf.Tensor = 0, stride: int | tf.Tensor = 1
  ) -> table.FrameTable:
    """Computes the frames of utterances first, first + stride, ... of a split."""
    utterances = self.utterances(split, first, stride)
    return table.collect(source.frugal(utterances), first, stride)


def refuse_shuffle_buffer(data: ml_collections.ConfigDict) -> None:
  """Raises errors.ConfigError if config.data wants speech to be streamed."""
  if data.shuffle_buffer:
    raise errors.ConfigError(
      'config.data.shuffle_buffer',
      data.shuffle_buffer,
      f'must be 0 with config.data.name = {data.name!r}, which is kept in memory',
    )


def states(num_frames: tf.Tensor, label: tf.Tensor, num_states: int) -> tf.Tensor:
  """Returns the label of each frame of a recording: a part of a word.

  A stand-in for the states that a forced alignment would give: equal parts.

  Args:
    num_frames: Number of frames, T, int32 scalar.
    label: Label of the whole recording, an integer scalar.
    num_states: Number of parts of a recording.

  Returns:
    Label of each frame, [T] int32.
  """
  state = tf.range(num_frames) * num_states // num_frames
  return tf.cast(label, tf.int32) * num_states + state
