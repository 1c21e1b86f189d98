"""Server rules against NumPy in float64."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import rules
from tests import slow_truth

RATE = 0.05
STEPS = 400
SIZE = 6
STALENESS = tf.constant(3, tf.int64)


def load(name, **fields):
  server = config_lib.default_config().server
  server.update(optimizer=name, **fields)
  return rules.load(server)


def deltas(rule, gradients):
  """What a shard subtracts, push by push, [steps, P] float64."""
  apply = tf.function(lambda slots, g: rule.apply(slots, g, STALENESS, RATE))
  slots = tuple(tf.zeros([gradients.shape[1]]) for _ in rule.slots)
  found = []
  for gradient in gradients:
    delta, slots = apply(slots, tf.constant(gradient, tf.float32))
    assert len(slots) == len(rule.slots)
    found.append(delta.numpy())
  return np.array(found, np.float64)


def random_gradients(seed=0):
  return np.random.default_rng(seed).normal(size=[STEPS, SIZE]).astype(np.float32)


@pytest.mark.parametrize('name', ['sgd', 'adagrad'])
def test_many_steps_equal_the_slow_truth(name):
  gradients = random_gradients()
  truth = slow_truth.Rule(name, RATE, SIZE)
  expected = [truth.delta(g.astype(np.float64)) for g in gradients]
  np.testing.assert_allclose(deltas(load(name), gradients), expected, rtol=1e-5)


@pytest.mark.parametrize('coefficient', [0.0, 0.9, -0.5])
def test_momentum_is_the_sum_of_faded_gradients(coefficient):
  gradients = random_gradients()
  found = deltas(load('momentum', momentum=coefficient), gradients)
  velocity = np.zeros(SIZE)
  for gradient, delta in zip(gradients.astype(np.float64), found):
    velocity = coefficient * velocity + RATE * gradient
    np.testing.assert_allclose(delta, velocity, rtol=1e-4, atol=1e-6)


def test_adagrad_takes_gamma_as_its_first_step_whatever_the_gradient():
  gradients = np.tile([0, 1e-25, 1e20, -1e-25, -1e20], [200, 1])
  found = deltas(load('adagrad'), gradients)
  np.testing.assert_allclose(found[0], RATE * np.sign(gradients[0]), rtol=1e-6)
  # Of equal gradients, the k-th moves by gamma / sqrt(k).
  k = np.arange(1, 201)[:, np.newaxis]
  expected = RATE * np.sign(gradients) / np.sqrt(k)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_adagrad_stays_exact_over_45_orders_of_magnitude():
  rng = np.random.default_rng(1)
  gradients = rng.normal(size=[STEPS, SIZE]) * 10 ** rng.uniform(-25, 20, [STEPS, SIZE])
  gradients[rng.uniform(size=gradients.shape) < 0.1] = 0
  truth = slow_truth.Rule('adagrad', RATE, SIZE)
  expected = [truth.delta(g.astype(np.float32).astype(np.float64)) for g in gradients]
  # Below 1e-37 float32 has nothing.
  np.testing.assert_allclose(
    deltas(load('adagrad'), gradients), expected, rtol=1e-5, atol=1e-37
  )


def test_adagrad_after_a_huge_gradient_hardly_moves():
  found = deltas(load('adagrad'), np.array([[1e20], [1.0], [0.0]]))
  np.testing.assert_allclose(found[:, 0], [RATE, RATE * 1e-20, 0], rtol=1e-5)


def test_load_binds_the_fields_that_a_rule_asks_for():
  gradients = np.ones([2, 1])
  assert load('momentum', momentum=0.25).slots == ('velocity',)
  np.testing.assert_allclose(
    deltas(load('momentum', momentum=0.25), gradients)[:, 0], [RATE, 1.25 * RATE]
  )


def test_a_file_is_all_that_a_new_rule_needs(tmp_path, monkeypatch):
  (tmp_path / 'fading.py').write_text(
    "SLOTS = ('count',)\n"
    'def fading(slots, gradient, staleness, rate, *, momentum):\n'
    '  return momentum * gradient / float(staleness), (slots[0] + 1,)\n'
  )
  monkeypatch.setattr(rules, '__path__', [*rules.__path__, str(tmp_path)])
  # The import system forgets it with the test.
  monkeypatch.setitem(sys.modules, f'{rules.__name__}.fading', None)
  del sys.modules[f'{rules.__name__}.fading']
  assert rules.names() == ('adagrad', 'fading', 'momentum', 'sgd')
  rule = load('fading', momentum=0.5)
  assert rule.name == 'fading' and rule.slots == ('count',)
  assert rule.apply((7,), 12.0, 3, RATE) == (2.0, (8,))


def test_names_are_known_without_tensorflow():
  program = (
    'import sys\n'
    'from distbelief.algorithms import rules\n'
    "print(*rules.names(), 'tensorflow' in sys.modules)"
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=True
  )
  assert result.stdout.split() == ['adagrad', 'momentum', 'sgd', 'False']
