"""The order of a ring's additions, as TensorFlow's source has it.

That a real ring adds so: tests/wild/test_kinds.py.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from distbelief.recompute import ring


@pytest.mark.parametrize(
  ('size', 'workers', 'starts'),
  [
    (34827, 3, [0, 11616, 23232]),
    (45407, 3, [0, 15152, 30304]),  # 15136 is whole blocks, and gets one more.
    (10, 3, [0, 10, 10]),  # The first worker's part has all.
  ],
)
def test_each_worker_begins_a_part(size, workers, starts):
  found = ring.parts(size, workers)
  assert [start for _, start, _ in found] == starts
  assert [first for first, _, _ in found] == list(range(workers))
  assert [end for _, _, end in found] == [*starts[1:], size]


def test_large_parts_are_halved():
  """More than 4 MiB: two parts begin at each worker."""
  found = ring.parts(3 * 2**20 + 3, 2)
  assert [first for first, _, _ in found] == [0, 0, 1, 1]
  assert found[-1][2] == 3 * 2**20 + 3
  assert len({end - start for _, start, end in found[:-1]}) == 1


def test_the_order_of_additions_is_that_of_the_ring():
  vectors = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32)
  vectors *= 10.0 ** np.arange(4)[:, np.newaxis]
  found = ring.ring_sum([tf.constant(v) for v in vectors]).numpy()
  for first, start, end in ring.parts(100, 4):
    total = vectors[first, start:end].copy()
    for step in range(1, 4):
      total += vectors[(first + step) % 4, start:end]
    np.testing.assert_array_equal(found[start:end], total)
  assert (found != vectors.sum(axis=0)).any()


def test_workers_follow_each_other_by_their_names():
  """Worker 10 comes before worker 2."""
  vectors = np.random.default_rng(0).normal(size=(12, 10)).astype(np.float32)
  found = ring.ring_sum([tf.constant(v) for v in vectors]).numpy()
  total = vectors[0].copy()
  for worker in (1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9):
    total += vectors[worker]
  np.testing.assert_array_equal(found, total)
  in_turn = functools.reduce(np.add, vectors)
  assert (found != in_turn).any()
