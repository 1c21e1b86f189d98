"""Data: sources of labelled examples, disjoint subsets for replicas, seeded batches."""

from __future__ import annotations

import ml_collections

from distbelief import errors, own
from distbelief.data.examples import Examples
from distbelief.data.font_digits import FontDigits
from distbelief.data.images import Images
from distbelief.data.own_data import OwnData
from distbelief.data.source import Source
from distbelief.data.speech import Speech
from distbelief.data.speech_commands import SpeechCommands
from distbelief.data.spoken_digit import SpokenDigit
from distbelief.data.synthetic_speech import SyntheticSpeech

__all__ = [
  'Examples',
  'FontDigits',
  'Images',
  'OwnData',
  'Source',
  'Speech',
  'SpeechCommands',
  'SpokenDigit',
  'SyntheticSpeech',
  'create',
]


def create(data: ml_collections.ConfigDict, seed: int) -> Source:
  """Returns the source that a config names; computes and reads nothing yet.

  Args:
    data: config.data.
    seed: Of orders and of what is made by random numbers.

  Raises:
    errors.ConfigError: If a field does not go with the source.
  """
  if own.is_own(data.name):
    return OwnData(data.name, seed, data.num_classes, data.shuffle_buffer)
  if data.num_classes is not None:
    raise errors.ConfigError(
      'config.data.num_classes',
      data.num_classes,
      f'is for data of your own: {data.name} has its number of classes',
    )
  if data.name == 'font_digits':
    return FontDigits(seed, data.num_examples, data.shuffle_buffer)
  if data.name not in _SPEECH:
    return Images(data.name, seed, data.shuffle_buffer)
  if data.shuffle_buffer:
    raise errors.ConfigError(
      'config.data.shuffle_buffer',
      data.shuffle_buffer,
      f'must be 0 with config.data.name = {data.name!r}, which is kept in memory',
    )
  return _SPEECH[data.name](data, seed)


_SPEECH = {
  'synthetic_speech': lambda data, seed: SyntheticSpeech(seed, data.num_utterances),
  'spoken_digit': lambda _, seed: SpokenDigit(seed),
  'speech_commands': lambda _, seed: SpeechCommands(seed),
}
