r"""How hard synthetic speech is: what depth is worth on it, in one process.

Trains softmax regression, one and four hidden layers (sigmoid) with the paper's
Adagrad at several rates, and writes the hold-out frame accuracies.

Run:  python scripts/synthetic_difficulty.py --output=difficulty.json
Expect: about 15 minutes on 2 cores; at least 5 points between each net and the next,
  the best between 60 and 90 %, see paper_results/synthetic_speech.
"""

import time
from collections.abc import Sequence

import tensorflow as tf
from absl import app, flags, logging

from distbelief import config as config_lib
from distbelief import data, learning
from distbelief.algorithms.rules import adagrad
from distbelief.experiments import results

_HIDDEN_UNITS = {'softmax': (), '1x256': (256,), '4x256': (256,) * 4}
_EVALUATIONS = 5  # Per training.

_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file to write.', required=True)
_NUM_STEPS = flags.DEFINE_integer('num_steps', 40_000, 'Minibatches per training.')
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 128, 'Examples in a minibatch.')
_NUM_UTTERANCES = flags.DEFINE_integer('num_utterances', 4000, 'To train on.')
_NETWORKS = flags.DEFINE_multi_enum(
  'network', list(_HIDDEN_UNITS), list(_HIDDEN_UNITS), 'Networks to train.'
)
_RATES = flags.DEFINE_multi_float(
  'rate', [0.03, 0.05, 0.08], 'Rates (gamma) that each network is trained with.'
)
_SEED = flags.DEFINE_integer('seed', 0, 'Of data, order and initial weights.')


def holdout_accuracies(
  source: data.Source,
  minibatches: tf.data.Dataset,
  holdout: tf.data.Dataset,
  hidden_units: Sequence[int],
  rate: float,
) -> list[float]:
  """Returns the hold-out accuracy after each fifth of one training."""
  config = config_lib.default_config()
  config.model.hidden_units = tuple(hidden_units)
  config.data.batch_size = _BATCH_SIZE.value
  config.seed = source.seed
  goal = learning.objective_of(config, source)
  params = [tf.Variable(tensor) for tensor in goal.initial]
  no_seed = tf.zeros([2], tf.int64)  # Nothing in it is drawn.
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

  iterator, accuracies = iter(minibatches), []
  for _ in range(_EVALUATIONS):
    train(iterator, tf.constant(_NUM_STEPS.value // _EVALUATIONS))
    found = goal.evaluate([p.value() for p in params], [], holdout)
    accuracies.append(round(found['accuracy'], 4))
  return accuracies


def main(unused_argv: Sequence[str]) -> None:
  """Trains every network at every rate and writes the file."""
  source = data.SyntheticSpeech(_SEED.value, _NUM_UTTERANCES.value)
  minibatches = source.minibatches(0, 1, 0, _BATCH_SIZE.value)
  holdout = source.holdout(1000)
  networks = {}
  for name in _NETWORKS.value:
    networks[name] = {'by_rate': {}}
    for rate in _RATES.value:
      start = time.monotonic()
      accuracies = holdout_accuracies(
        source, minibatches, holdout, _HIDDEN_UNITS[name], rate
      )
      logging.info('%s %g: %s', name, rate, accuracies)
      networks[name]['by_rate'][rate] = {
        'holdout_accuracies': accuracies,
        'seconds': round(time.monotonic() - start, 1),
      }
    best = max(r['holdout_accuracies'][-1] for r in networks[name]['by_rate'].values())
    networks[name]['best_holdout_accuracy'] = best
  report = {
    'num_steps': _NUM_STEPS.value,
    'batch_size': _BATCH_SIZE.value,
    'num_utterances': _NUM_UTTERANCES.value,
    'training_frames': source.num_training_frames,
    'classes': source.num_classes,
    'seed': _SEED.value,
    'networks': networks,
  }
  results.write(_OUTPUT.value, report)


if __name__ == '__main__':
  app.run(main)
