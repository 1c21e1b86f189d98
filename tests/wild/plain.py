"""The same models and data in plain Keras."""

import importlib

import keras

from tests.wild import data

SEED = 0


def made(kind):
  """The model that a run begins with."""
  module, _, function = kind.model.partition(':')
  keras.utils.set_random_seed(SEED)
  return getattr(importlib.import_module(f'tests.wild.{module}'), function)()


def score(kind, model):
  """Metrics on the hold-out data."""
  held_out = getattr(data, kind.data)('holdout', SEED).batch(100)
  return model.evaluate(held_out, verbose=0, return_dict=True)


def fit(kind, num_steps):
  """The model after so many steps of Keras' `fit`, by Adagrad as in the paper."""
  model = made(kind)
  # `compile` would forget the losses and metrics; this is what it does with an optimizer.
  model.optimizer = keras.optimizers.Adagrad(kind.rate, 0.0, epsilon=1e-30)
  own = getattr(data, kind.data)('train', SEED)
  shuffled = own.shuffle(1000, seed=SEED).repeat().batch(16)
  model.fit(shuffled, steps_per_epoch=num_steps, verbose=0)
  return model
