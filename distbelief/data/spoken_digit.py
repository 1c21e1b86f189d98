"""Spoken digits (Free Spoken Digit Dataset 1.0.9) as frame classification.

2,500 recordings at 8 kHz: 5 speakers, 10 digits, 50 of each, through TensorFlow
Datasets. A recording is cut into 5 equal states, 50 classes in all: a stand-in for the
states that a forced alignment would give. Recordings 0 to 4 of every speaker and digit
are held out.
"""

import urllib.request

import tensorflow as tf

from distbelief import errors
from distbelief.data import features, source

_STATES = 5  # Of a digit.

_ORIGIN = 'https://github.com/Jakobovski/free-spoken-digit-dataset'


class SpokenDigit(source.Source):
  """The data set; read from the environment's TFDS_DATA_DIR."""

  num_classes = 10 * _STATES
  num_utterances = 2250
  num_training_frames = 87_904
  shortest_utterance = 12

  def prepare(self) -> None:
    """Downloads and builds the data set unless it is there (12 MB)."""
    import tensorflow_datasets as tfds  # Slow, and no other source needs it.

    try:
      builder = tfds.builder('spoken_digit')
      if not builder.is_prepared():
        # Without a network, TensorFlow Datasets would go on trying for minutes.
        urllib.request.urlopen(_ORIGIN, timeout=10).close()
        builder.download_and_prepare()
    except Exception as error:  # Of many kinds: network, disk, missing packages.
      reason = str(error).strip().partition('\n')[0]
      raise errors.UserError(
        f'spoken_digit is not in {tfds.core.constants.DATA_DIR} and cannot be '
        f'downloaded ({type(error).__name__}: {reason}): set TFDS_DATA_DIR to a '
        'folder that has it'
      ) from error

  def recordings(self) -> tf.data.Dataset:
    """Returns all recordings: audio [S] int64, audio/filename and label."""
    import tensorflow_datasets as tfds

    return tfds.load('spoken_digit', split='train', download=False)

  def utterances(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns recordings first, first + stride, ... of a split; see the base class."""

    def in_split(recording: dict[str, tf.Tensor]) -> tf.Tensor:
      name = recording['audio/filename']
      held_out = tf.strings.regex_full_match(name, r'.*_[0-4]\.wav')
      return held_out == (split == source.HOLDOUT)

    def wanted(index: tf.Tensor, unused_recording: dict[str, tf.Tensor]) -> tf.Tensor:
      return index % stride == first

    def frames_and_labels(
      unused_index: tf.Tensor, recording: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
      samples = tf.cast(recording['audio'], tf.float32) / 2**15
      frames = features.normalise(features.log_mel(samples))
      length = tf.shape(frames)[0]
      state = tf.range(length) * _STATES // length
      return frames, tf.cast(recording['label'], tf.int32) * _STATES + state

    split_recordings = self.recordings().filter(in_split).enumerate()
    return split_recordings.filter(wanted).map(frames_and_labels)
