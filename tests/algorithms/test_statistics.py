"""What training changes beside parameters, as maps that can be put one after another."""

import numpy as np
import tensorflow as tf

from distbelief.algorithms.statistics import AffineUpdate

BEFORE = [np.array([1.0, -2.0], np.float32), np.array(3.0, np.float32)]


def step(before, scale, minibatch):
  """A moving average's step towards what a minibatch says."""
  return [k * b + (1 - k) * m for k, b, m in zip(scale, before, minibatch)]


def change_of(before, scale, minibatch):
  after = step(before, scale, minibatch)
  return AffineUpdate.of_step(
    before, after, [np.full_like(b, k) for k, b in zip(scale, before)]
  )


def test_no_step_changes_nothing():
  found = AffineUpdate.identity([tf.constant(b) for b in BEFORE]).apply(BEFORE)
  for one, other in zip(found, BEFORE, strict=True):
    np.testing.assert_array_equal(one, other)


def test_steps_together_are_steps_one_after_another():
  scale = (0.9, 0.5)
  statistics, together = BEFORE, AffineUpdate.identity([tf.constant(b) for b in BEFORE])
  for number in range(5):
    minibatch = [np.float32(number), np.float32(-number)]
    together = together.then(change_of(statistics, scale, minibatch))
    statistics = step(statistics, scale, minibatch)
  for one, other in zip(together.apply(BEFORE), statistics, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_stale_statistics_do_not_matter():
  """Twenty replicas whose statistics are of long ago do what one process does."""
  scale, server, truth = (0.5, 0.5), BEFORE, BEFORE
  for number in range(20):
    minibatch = [np.float32(np.sin(number)), np.float32(np.cos(number))]
    server = change_of(BEFORE, scale, minibatch).apply(server)
    truth = step(truth, scale, minibatch)
  for one, other in zip(server, truth, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_counter_adds_and_a_copy_overwrites():
  count, copy = (np.array([v], np.float32) for v in (4, 5))
  adds = AffineUpdate.of_step([count], [count + 1], [np.ones(1, np.float32)])
  sets = AffineUpdate.of_step([copy], [copy * 0 + 7], [np.zeros(1, np.float32)])
  elsewhere = [np.array([40.0], np.float32)]
  assert adds.apply(elsewhere)[0] == 41
  assert sets.apply(elsewhere)[0] == 7
