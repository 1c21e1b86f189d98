"""Speech commands (Warden, 2018; arXiv 1804.03209) as frame classification.

105,829 recordings of one word each at 16 kHz, about 1 s, through TensorFlow Datasets: ten
commands, and all other words and silence as two more. As with spoken digits, a recording
is cut into 5 equal states, 60 classes in all. TensorFlow Datasets' test split, other
speakers, is held out.
"""

import ml_collections
import tensorflow as tf

from distbelief.data import features, prepared, source, speech

NAME = 'speech_commands'
ORIGIN = 'TensorFlow Datasets'

_STATES = 5  # Parts of a word.
_WORDS = 12
_SAMPLE_RATE = 16_000  # Hz.

_ADDRESS = 'http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz'


class SpeechCommands(speech.Speech):
  """The data set; read from the environment's TFDS_DATA_DIR."""

  name = NAME
  num_classes = _WORDS * _STATES
  num_utterances = 85_511
  shortest_utterance = 1

  def prepare(self) -> None:
    """Downloads and builds the data set unless it is there (2.4 GB)."""
    prepared.prepare(self.name, _ADDRESS)

  def utterances(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns recordings first, first + stride, ... of a split; see the base class."""
    recordings = prepared.load(
      self.name, 'train' if split == source.TRAIN else 'test', as_supervised=True
    )

    def frames_and_labels(
      audio: tf.Tensor, label: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
      samples = tf.cast(audio, tf.float32) / 2**15
      frames = features.normalise(features.log_mel(samples, _SAMPLE_RATE))
      return frames, speech.states(tf.shape(frames)[0], label, _STATES)

    return recordings.shard(stride, first).map(frames_and_labels)


def create(data: ml_collections.ConfigDict, seed: int) -> SpeechCommands:
  """Returns the source (distbelief.data)."""
  speech.refuse_shuffle_buffer(data)
  return SpeechCommands(seed)
