"""Held-out examples in memory."""

import numpy as np

from distbelief.data import held_out, own_data


def test_the_first_are_those_that_are_read_first():
  data = own_data.OwnData('tests.users:examples', seed=0, num_classes=None)
  kept = held_out.HeldOut(data)
  assert sum(len(labels) for _, labels in kept.minibatches) == 500
  assert kept.minibatches is kept.minibatches
  for count in (64, 500, 1024):
    expected = next(iter(data.holdout(count)))
    for one, other in zip(kept.first(count), expected, strict=True):
      np.testing.assert_array_equal(one, other)
