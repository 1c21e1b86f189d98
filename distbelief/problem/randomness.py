"""Finds random numbers that are no function of (seed, replica, step) before a run starts.

With them two replicas would not read disjoint subsets, a minibatch would be another one
after a restart, and nothing could be replayed.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import errors
from distbelief.data.own_data import OwnData

_SOME = 100  # Examples that are enough to notice another one, or another order.

# Operations whose numbers depend on how often, and in which order, they have run.
_STATEFUL = frozenset(
  {
    'AllCandidateSampler',
    'FixedUnigramCandidateSampler',
    'FractionalAvgPool',
    'FractionalMaxPool',
    'LearnedUnigramCandidateSampler',
    'LogUniformCandidateSampler',
    'Multinomial',
    'ParameterizedTruncatedNormal',
    'RandomGamma',
    'RandomPoisson',
    'RandomPoissonV2',
    'RandomShuffle',
    'RandomStandardNormal',
    'RandomUniform',
    'RandomUniformInt',
    'RngReadAndSkip',
    'SampleDistortedBoundingBox',
    'SampleDistortedBoundingBoxV2',
    'StatefulRandomBinomial',
    'StatefulStandardNormalV2',
    'StatefulTruncatedNormal',
    'StatefulUniform',
    'StatefulUniformFullInt',
    'StatefulUniformInt',
    'ThreadUnsafeUnigramCandidateSampler',
    'TruncatedNormal',
    'UniformCandidateSampler',
  }
)


def refuse_in_data(
  config: ml_collections.ConfigDict, source: OwnData, operations: set[str]
) -> None:
  """Raises errors.ConfigError if a data function gives other examples each time.

  It is called once more for each split, under other global seeds.

  Args:
    config: Config of the run.
    source: Data of the run.
    operations: Names of the operations that read the training set.
  """
  if drawn := _STATEFUL & operations:
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'draws random numbers in the order of execution ({", ".join(sorted(drawn))}): '
      'use tf.random.stateless_* or tf.image.stateless_*, with a seed made of the '
      "function's seed and the number of the example (dataset.enumerate())",
    )
  for split in ('train', 'holdout'):
    with _other_global_seeds():
      again = _first(source.again().read_anew(split))
    once = _first(source.read_anew(split))
    if not all(_alike(one, other) for one, other in zip(once, again, strict=True)):
      raise errors.ConfigError(
        'config.data.name',
        config.data.name,
        'gives other examples, or another order, each time: leave shuffling to us, and '
        'make what is random a function of the seed, e.g. np.random.default_rng(seed)',
      )


def refuse_in_model(
  config: ml_collections.ConfigDict,
  step: tf.types.experimental.ConcreteFunction,
  operations: set[str],
) -> None:
  """Raises errors.ConfigError if a step draws numbers that are not ours.

  Args:
    config: Config of the run.
    step: Gradient of a minibatch, traced.
    operations: Names of its operations.
  """
  remedy = (
    'give the layer a keras.random.SeedGenerator, and draw by keras.random.*(..., '
    'seed=that), as the Dropout of Keras does'
  )
  if drawn := _STATEFUL & operations:
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'draws random numbers that are no function of the seed ({", ".join(sorted(drawn))}'
      f', as of tf.random): {remedy}',
    )
  if any('seed_generator' in variable.name for variable in step.graph.variables):
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f"draws random numbers from Keras' global generator: {remedy}",
    )


@contextlib.contextmanager
def _other_global_seeds() -> Iterator[None]:
  """Sets seeds that no run has; NumPy's and Python's are those of before afterwards."""
  of_numpy, of_python = np.random.get_state(), random.getstate()
  np.random.seed(20121203)
  random.seed(20121203)
  tf.random.set_seed(None)
  try:
    yield
  finally:
    np.random.set_state(of_numpy)
    random.setstate(of_python)


def _first(dataset: tf.data.Dataset) -> list[np.ndarray]:
  for batch in dataset.batch(_SOME).take(1):
    return [np.asarray(part) for part in tf.nest.flatten(batch)]
  return []


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
  return one.shape == other.shape and np.array_equal(
    one, other, equal_nan=one.dtype.kind == 'f'
  )
