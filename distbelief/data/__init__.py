"""Data: sources of labelled examples, disjoint subsets for replicas, seeded batches.

To add a data set, add a file that declares NAME and ORIGIN (declarations/built_in.py)
and has a function `create(data, seed)`, of config.data and config.seed, that returns its
Source. TensorFlow is imported when the first source is created.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import ml_collections

from distbelief import errors, user_code
from distbelief.declarations import built_in

if TYPE_CHECKING:
  from distbelief.data.source import Source

__all__ = ['Source', 'built_ins', 'create']


@functools.cache
def built_ins() -> dict[str, built_in.BuiltIn]:
  """Returns the data sets that a config can name, by name."""
  return built_in.find(__name__, __path__)


def create(data: ml_collections.ConfigDict, seed: int) -> Source:
  """Returns the source that a config names; computes and reads nothing yet.

  Args:
    data: config.data.
    seed: Seed of orders, and of generated examples.

  Raises:
    errors.ConfigError: If a field does not go with the source.
  """
  if user_code.is_user_function(data.name):
    from distbelief.data.own_data import OwnData

    return OwnData(data.name, seed, data.num_classes, data.shuffle_buffer)
  if data.num_classes is not None:
    raise errors.ConfigError(
      'config.data.num_classes',
      data.num_classes,
      f'is for data of your own: {data.name} has its number of classes',
    )
  return built_ins()[data.name].load().create(data, seed)
