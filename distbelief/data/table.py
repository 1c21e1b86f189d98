"""A table of frames: whole utterances one after another, stacked per minibatch.

Dimensions: N frames of a table, U utterances, T frames of one, B of a minibatch.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from distbelief.data import features


class FrameTable(NamedTuple):
  """40 numbers per frame; its 440 inputs are computed in the minibatch only."""

  frames: tf.Tensor  # [N, features.NUM_MEL] float32.
  labels: tf.Tensor  # [N] int32.
  owner: tf.Tensor  # [N] int64, the frame's utterance: its index in the split.
  first: tf.Tensor  # [N] int64, row of the utterance's first frame.
  last: tf.Tensor  # [N] int64, row of its last one.

  def size(self) -> tf.Tensor:
    """Returns N, scalar int64."""
    return tf.size(self.labels, tf.int64)

  def examples(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns inputs [B, 440] float32 and labels [B] int32 of the rows [B] int64.

    Beyond an utterance's edges its first or last frame is repeated.
    """
    offsets = tf.range(-features.CONTEXT, features.CONTEXT + 1, dtype=tf.int64)
    first, last = tf.gather(self.first, rows), tf.gather(self.last, rows)
    context = tf.clip_by_value(rows[:, None] + offsets, first[:, None], last[:, None])
    inputs = tf.reshape(tf.gather(self.frames, context), [-1, features.NUM_INPUTS])
    return inputs, tf.gather(self.labels, rows)


def collect(
  utterances: tf.data.Dataset, first: int | tf.Tensor, stride: int | tf.Tensor
) -> FrameTable:
  """Computes the table of some utterances of a split.

  Args:
    utterances: Pairs of frames [T, features.NUM_MEL] float32 and labels [T] int32.
    first: Index of the first utterance in its split, scalar int.
    stride: Difference between indices, scalar int.
  """
  frames, labels = utterances.ragged_batch(tf.int64.max).get_single_element()
  if not isinstance(frames, tf.RaggedTensor):  # All have one length: [U, T, NUM_MEL].
    frames = tf.RaggedTensor.from_tensor(frames)
    labels = tf.RaggedTensor.from_tensor(labels)
  ends, utterance = labels.row_splits, labels.value_rowids()
  return FrameTable(
    frames=frames.values,
    labels=labels.values,
    owner=first + stride * utterance,
    first=tf.gather(ends, utterance),
    last=tf.gather(ends, utterance + 1) - 1,
  )
