"""What the warm start changes in the server's rule."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import rules
from distbelief.algorithms import server as server_lib
from tests import slow_truth

RATE, WARM_RATE = 0.02, 0.5
WARM_STEPS = 5
GRADIENTS = np.random.default_rng(0).normal(size=[12, 4])


def deltas(optimizer, **options):
  server = config_lib.default_config().server
  server.optimizer = optimizer
  rule = server_lib.ServerRule(rules.load(server), RATE, **options)
  update = tf.function(rule.update, autograph=False)
  slots = tuple(tf.zeros([4]) for _ in rule.rule.slots)
  found = []
  for step, gradient in enumerate(GRADIENTS):
    warm = tf.constant(step < WARM_STEPS)
    zero = tf.constant(0, tf.int64)
    delta, slots = update(slots, tf.constant(gradient, tf.float32), zero, warm)
    found.append(delta.numpy())
  return np.array(found)


def truth(optimizer, warm_rate, warm_plain_sgd):
  """The rule sees every gradient; its rate is a factor of what it gives."""
  rule = slow_truth.Rule(optimizer, 1.0, 4)
  found = np.array([rule.delta(gradient) for gradient in GRADIENTS])
  if warm_plain_sgd:
    found[:WARM_STEPS] = GRADIENTS[:WARM_STEPS]
  found[:WARM_STEPS] *= warm_rate
  found[WARM_STEPS:] *= RATE
  return found


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
@pytest.mark.parametrize('warm_plain_sgd', [False, True])
@pytest.mark.parametrize('warm_rate', [None, RATE, WARM_RATE])
def test_equals_the_slow_truth(optimizer, warm_plain_sgd, warm_rate):
  found = deltas(optimizer, warm_plain_sgd=warm_plain_sgd, warm_rate=warm_rate)
  expected = truth(optimizer, warm_rate or RATE, warm_plain_sgd)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_slots_fill_while_plain_sgd_warms_up():
  warmed = deltas('adagrad', warm_plain_sgd=True)[WARM_STEPS]
  cold = RATE * np.sign(GRADIENTS[WARM_STEPS])  # A first step's.
  assert (np.abs(warmed) < 0.9 * np.abs(cold)).any()
