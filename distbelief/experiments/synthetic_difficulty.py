"""The difficulty of synthetic speech: the value of depth on it, in one process.

Softmax regression, one and four hidden layers (sigmoid) are trained with the paper's
Adagrad at several rates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from distbelief import config as config_lib
from distbelief import data
from distbelief.algorithms.rules import adagrad
from distbelief.data.synthetic_speech import SyntheticSpeech
from distbelief.problem import factory

HIDDEN_UNITS = {'softmax': (), '1x256': (256,), '4x256': (256,) * 4}
_EVALUATIONS = 5  # Evaluations per training.


def holdout_accuracies(
  source: data.Source,
  hidden_units: Sequence[int],
  rate: float,
  num_steps: int,
  batch_size: int,
) -> list[float]:
  """Returns the hold-out accuracy after each fifth of one training.

  Args:
    source: Source of the data.
    hidden_units: Widths of the network's layers.
    rate: Learning rate (gamma) of Adagrad.
    num_steps: Number of minibatches.
    batch_size: Number of examples in a minibatch.
  """
  config = config_lib.default_config()
  config.model.hidden_units = tuple(hidden_units)
  config.data.batch_size = batch_size
  config.seed = source.seed
  goal = factory.make_objective(config, source)
  params = [tf.Variable(tensor) for tensor in goal.initial]
  no_seed = tf.zeros([2], tf.int64)  # The networks use no random numbers.
  slots = [tf.Variable(tf.zeros_like(tensor)) for tensor in goal.initial]

  @tf.function
  def train(iterator: tf.data.Iterator, num_steps: tf.Tensor) -> None:
    for _ in tf.range(num_steps):
      values = [p.value() for p in params]
      gradients = goal.gradient(values, [], next(iterator), no_seed).gradient
      for param, slot, gradient in zip(params, slots, gradients):
        delta, (root,) = adagrad.adagrad((slot,), gradient, 0, rate)
        slot.assign(root)
        param.assign_sub(delta)

  iterator = iter(source.minibatches(0, 1, 0, batch_size))
  holdout = source.holdout(1000)
  accuracies = []
  for _ in range(_EVALUATIONS):
    train(iterator, tf.constant(num_steps // _EVALUATIONS))
    found = goal.evaluate([p.value() for p in params], [], holdout)
    accuracies.append(round(found['accuracy'], 4))
  return accuracies


def measure(
  networks: Sequence[str],
  rates: Sequence[float],
  num_steps: int,
  batch_size: int,
  num_utterances: int,
  seed: int,
  say: Callable[[str], None] = print,
) -> dict[str, Any]:
  """Trains every network at every rate.

  Args:
    networks: Keys of HIDDEN_UNITS.
    rates: Rates (gamma) that each network is trained with.
    num_steps: Number of minibatches per training.
    batch_size: Number of examples in a minibatch.
    num_utterances: Number of utterances to train on.
    seed: Seed of data, order and initial weights.
    say: Function that shows a line.
  """
  source = SyntheticSpeech(seed, num_utterances)
  found: dict[str, Any] = {}
  for name in networks:
    by_rate: dict[float, Any] = {}
    for rate in rates:
      start = time.monotonic()
      accuracies = holdout_accuracies(
        source, HIDDEN_UNITS[name], rate, num_steps, batch_size
      )
      say(f'{name}, {rate:g}: {accuracies}')
      by_rate[rate] = {
        'holdout_accuracies': accuracies,
        'seconds': round(time.monotonic() - start, 1),
      }
    best = max(row['holdout_accuracies'][-1] for row in by_rate.values())
    found[name] = {'by_rate': by_rate, 'best_holdout_accuracy': best}
  return {
    'num_steps': num_steps,
    'batch_size': batch_size,
    'num_utterances': num_utterances,
    'training_frames': source.num_training_frames,
    'classes': source.num_classes,
    'seed': seed,
    'networks': found,
  }
