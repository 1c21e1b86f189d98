"""Synchronous SGD's update, against plain formulas."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import rules, synchronous
from tests import slow_truth

RATE = 0.05
SHAPES = [(3, 2), (2,)]


def rule_of(optimizer):
  server = config_lib.default_config().server
  server.optimizer = optimizer
  return rules.load(server)


def numbers(seed):
  source = np.random.default_rng(seed)
  return [source.normal(size=shape).astype(np.float32) for shape in SHAPES]


def tensors(arrays):
  return [tf.constant(a) for a in arrays]


def flat(arrays):
  return np.concatenate([np.ravel(a) for a in arrays])


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
def test_an_update_is_the_rule_on_the_mean_gradient(optimizer):
  rule, params = rule_of(optimizer), tensors(numbers(0))
  slots = [tuple(tf.zeros_like(p) for _ in rule.slots) for p in params]
  truth, server = flat(numbers(0)), slow_truth.Rule(optimizer, RATE, 8)
  for step in range(5):
    gradients = [numbers(100 + 10 * step + replica) for replica in range(3)]
    total = [sum(parts) for parts in zip(*gradients)]
    params, slots = synchronous.update(
      rule, RATE, params, slots, tensors(total), tf.constant(3.0)
    )
    truth = truth - server.delta(flat(total) / 3)
  np.testing.assert_allclose(flat(params), truth, rtol=1e-5)


@pytest.mark.parametrize('optimizer', ['sgd', 'momentum', 'adagrad'])
def test_nobodys_gradient_changes_nothing(optimizer):
  rule, params = rule_of(optimizer), tensors(numbers(0))
  slots = [tuple(p + 1.0 for _ in rule.slots) for p in params]
  zeros = [tf.zeros_like(p) for p in params]
  found = synchronous.update(rule, RATE, params, slots, zeros, tf.constant(0.0))
  for before, after in zip(tf.nest.flatten((params, slots)), tf.nest.flatten(found)):
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize('poison', [np.nan, np.inf, None])
def test_a_gradient_that_is_not_finite_adds_nothing(poison):
  gradient = numbers(1)
  if poison is not None:
    gradient[1][0] = poison
  added, finite = synchronous.contribution(tensors(gradient))
  assert bool(finite) == (poison is None)
  expected = gradient if poison is None else [np.zeros(shape) for shape in SHAPES]
  np.testing.assert_array_equal(flat(added), flat(expected))
