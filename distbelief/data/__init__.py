"""Data: sources of labelled frames, disjoint subsets for replicas, seeded batches."""

from distbelief import errors
from distbelief.data.source import Source
from distbelief.data.spoken_digit import SpokenDigit
from distbelief.data.synthetic_speech import SyntheticSpeech

__all__ = ['Source', 'SpokenDigit', 'SyntheticSpeech', 'create']


def create(name: str, seed: int, num_utterances: int = 500) -> Source:
  """Returns a source by its name in a config; computes and reads nothing yet.

  Args:
    name: synthetic_speech or spoken_digit.
    seed: Of orders and, for synthetic speech, of the speech.
    num_utterances: Of synthetic speech to train on; spoken digits have theirs.
  """
  if name == 'synthetic_speech':
    return SyntheticSpeech(seed, num_utterances)
  if name == 'spoken_digit':
    return SpokenDigit(seed)
  raise errors.ConfigError(
    'config.data.name', name, 'is unknown: choose synthetic_speech or spoken_digit'
  )
