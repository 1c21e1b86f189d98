"""Synthetic speech as frame classification: embedded, unlimited, no download.

A class is one of three equal parts of a phone, as in a hidden Markov model's states.
Hold-out utterances have draws, hence speakers, of their own.
"""

import ml_collections
import tensorflow as tf

from distbelief import errors
from distbelief.data import features, source, speech, synthesis

NAME = 'synthetic_speech'
ORIGIN = 'embedded, no download'

_HOLDOUT_UTTERANCES = 100

# Utterances synthesised by one call of each op: saves overhead, costs little memory.
_CHUNK = 8


class SyntheticSpeech(speech.Speech):
  """Utterances of 2 s, each a function of (seed, split, index) alone."""

  name = NAME
  num_classes = synthesis.NUM_CLASSES
  shortest_utterance = synthesis.NUM_FRAMES

  def __init__(self, seed: int, num_utterances: int) -> None:
    """Sets the seed and the number of utterances to train on."""
    super().__init__(seed)
    if num_utterances < 1:
      raise errors.ConfigError(
        'config.data.num_utterances', num_utterances, 'must be at least 1 utterance'
      )
    self.num_utterances = num_utterances
    self.num_training_frames = num_utterances * synthesis.NUM_FRAMES

  def utterances(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns utterances first, first + stride, ... of a split; see the base class."""
    train = split == source.TRAIN
    number = self.num_utterances if train else _HOLDOUT_UTTERANCES
    seed = tf.constant([self.seed, 0 if train else 1], tf.int64)

    def frames_and_labels(draws: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
      samples, labels = synthesis.synthesise(draws)
      return features.normalise(features.log_mel(samples)), labels

    indices = tf.data.Dataset.range(first, number, stride)
    draws = indices.map(lambda index: synthesis.draw(seed, index))
    return draws.batch(_CHUNK).map(frames_and_labels).unbatch()


def create(data: ml_collections.ConfigDict, seed: int) -> SyntheticSpeech:
  """Returns the source (distbelief.data)."""
  speech.refuse_shuffle_buffer(data)
  return SyntheticSpeech(seed, data.num_utterances)
