"""Spoken digits (Free Spoken Digit Dataset 1.0.9) as frame classification.

2,500 recordings at 8 kHz: 5 speakers, 10 digits, 50 of each, through TensorFlow
Datasets. A recording is cut into 5 equal states, 50 classes in all. Recordings 0 to 4 of
every speaker and digit are held out.
"""

import ml_collections
import tensorflow as tf

from distbelief.data import features, prepared, source, speech

NAME = 'spoken_digit'
ORIGIN = 'TensorFlow Datasets'

_STATES = 5  # Parts of a digit.

_ADDRESS = 'https://github.com/Jakobovski/free-spoken-digit-dataset'


class SpokenDigit(speech.Speech):
  """The data set; read from the environment's TFDS_DATA_DIR."""

  name = NAME
  num_classes = 10 * _STATES
  num_utterances = 2250
  num_training_frames = 87_904
  shortest_utterance = 12

  def prepare(self) -> None:
    """Downloads and builds the data set unless it is there (12 MB)."""
    prepared.prepare(self.name, _ADDRESS)

  def recordings(self) -> tf.data.Dataset:
    """Returns all recordings: audio [S] int64, audio/filename and label."""
    return prepared.load(self.name, 'train')

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
      return frames, speech.states(tf.shape(frames)[0], recording['label'], _STATES)

    split_recordings = self.recordings().filter(in_split).enumerate()
    return split_recordings.filter(wanted).map(frames_and_labels)


def create(data: ml_collections.ConfigDict, seed: int) -> SpokenDigit:
  """Returns the source (distbelief.data)."""
  speech.refuse_shuffle_buffer(data)
  return SpokenDigit(seed)
