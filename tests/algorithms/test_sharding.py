"""Cutting a model's variables into equal slices and putting them together."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief.algorithms import sharding

SHAPES = [(4, 3), (3,), (), (3, 2, 2), (1,)]
SIZE = 29


def numbered():
  ends = np.cumsum([np.prod(shape, dtype=int) for shape in SHAPES])
  flat = np.arange(SIZE, dtype=np.float32)
  return [p.reshape(shape) for p, shape in zip(np.split(flat, ends[:-1]), SHAPES)]


def expected_slices(num_shards):
  return np.array_split(np.arange(SIZE, dtype=np.float32), num_shards)


@pytest.mark.parametrize('num_shards', [1, 2, 3, 7, 28, 29, 30, 40])
@pytest.mark.parametrize('tail', [0, 2])
def test_slices_are_even_cuts_of_the_flat_vector(num_shards, tail):
  cut = sharding.Sharding(SHAPES, num_shards)
  tails = [tf.fill([tail], float(shard)) for shard in range(num_shards)]
  slices = cut.split([tf.constant(p) for p in numbered()], tails)
  assert cut.num_shards == len(slices) == num_shards
  plan = zip(slices, cut.sizes, expected_slices(num_shards))
  for shard, (piece, size, expected) in enumerate(plan):
    assert size == len(expected)
    np.testing.assert_array_equal(piece, np.r_[expected, np.full(tail, shard)])
    assert piece.dtype == tf.float32


@pytest.mark.parametrize('num_shards', [1, 2, 3, 7, 28, 29, 30, 40])
@pytest.mark.parametrize('tail', [0, 2])
def test_join_undoes_split_and_ignores_tails(num_shards, tail):
  cut = sharding.Sharding(SHAPES, num_shards)
  slices = [np.r_[part, np.full(tail, 99)] for part in expected_slices(num_shards)]
  joined = cut.join([tf.constant(s, tf.float32) for s in slices])
  for tensor, expected in zip(joined, numbered(), strict=True):
    assert tensor.shape == expected.shape
    np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize('num_shards', [2, 40])
def test_a_round_trip_in_a_graph_changes_no_bit(num_shards):
  cut = sharding.Sharding(SHAPES, num_shards)
  rng = np.random.default_rng(0)
  tensors = [tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES]
  returned = tf.function(lambda t: cut.join(cut.split(t)))(tensors)
  for before, after in zip(tensors, returned, strict=True):
    np.testing.assert_array_equal(before, after)


def test_other_dtypes_stay():
  cut = sharding.Sharding([(3,)], 2)
  slices = cut.split([tf.constant([1, 2, 3], tf.bfloat16)])
  assert [s.dtype for s in slices] == [tf.bfloat16] * 2


def test_nothing_at_all_is_a_slice_of_nothing():
  cut = sharding.Sharding([], 1)
  (part,) = cut.split([], [tf.zeros([2])])
  assert cut.sizes == [0] and part.shape == [2] and cut.join([part]) == []


def test_a_flat_layout_is_all_variables_end_to_end():
  tensors = [tf.random.normal(shape) for shape in SHAPES]
  layout = sharding.FlatLayout(SHAPES)
  vector = layout.flatten(tensors)
  expected = np.concatenate([np.ravel(tensor) for tensor in tensors])
  np.testing.assert_array_equal(vector, expected)
  assert layout.size == len(expected)
  with_tail = layout.flatten(tensors, tf.constant([7.0, 8.0]))
  np.testing.assert_array_equal(with_tail, [*expected, 7.0, 8.0])
  for one, other in zip(layout.unflatten(with_tail), tensors, strict=True):
    np.testing.assert_array_equal(one, other)


def test_a_flat_layout_of_nothing_is_empty():
  layout = sharding.FlatLayout([])
  assert layout.size == 0 and layout.unflatten(layout.flatten([])) == []
