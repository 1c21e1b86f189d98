"""All algorithms: one file, one algorithm, declared as ALGORITHM.

To add one, add a file that declares it (algorithms/definition.py documents the fields),
and write the trainer classes that it names. config.algorithm, its own section of the
config, the launcher, pictures, traces and reports then know it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from distbelief import errors
from distbelief.algorithms.definition import Algorithm, Labels, StepUnit

__all__ = ['Algorithm', 'Labels', 'StepUnit', 'everything', 'get', 'names']


def names() -> tuple[str, ...]:
  """Returns the names of all algorithms, without importing any (nor TensorFlow)."""
  return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@functools.cache
def get(name: str) -> Algorithm:
  """Returns the algorithm of a name; imports no TensorFlow.

  Raises:
    errors.ConfigError: If there is none.
  """
  if name not in names():
    raise errors.ConfigError(
      'config.algorithm', name, f'is unknown: choose one of {", ".join(names())}'
    )
  return importlib.import_module(f'{__name__}.{name}').ALGORITHM


def everything() -> tuple[Algorithm, ...]:
  """Returns all algorithms, by name."""
  return tuple(get(name) for name in names())
