"""Random projections: linear, the same however a vector is cut, and true to lengths."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief.algorithms.sharding import Sharding
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.swarm import DIMENSION

SHAPES = [(440, 37), (37,), (), (37, 300), (300,), (7, 5, 3)]


def vector(seed=0):
  rng = np.random.default_rng(seed)
  return [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]


def flat(tensors):
  return np.concatenate([tensor.ravel() for tensor in tensors])


@pytest.fixture
def sketch():
  return Sketch(sum(int(np.prod(shape)) for shape in SHAPES), seed=3)


def test_the_sketch_is_the_signed_sum_of_rows(sketch):
  values = flat(vector())
  rows = -(-len(values) // DIMENSION)
  padded = np.zeros([rows * DIMENSION], np.float32)
  padded[: len(values)] = values
  slow = sketch._signs @ padded.reshape([rows, DIMENSION])
  assert set(np.unique(sketch._signs)) == {-1, 1}
  np.testing.assert_allclose(sketch.part(tf.constant(values), 0), slow, rtol=1e-4)


@pytest.mark.parametrize('num_shards', [1, 2, 3, 7, 200])
def test_shards_and_replicas_sketch_the_same(sketch, num_shards):
  tensors = [tf.constant(tensor) for tensor in vector()]
  cut = Sharding(SHAPES, num_shards)
  total, start = np.zeros([DIMENSION]), 0
  for part, size in zip(cut.split(tensors), cut.sizes):
    total = total + sketch.part(part, start).numpy()
    start += size
  np.testing.assert_allclose(total, sketch.of(tensors), atol=2e-4)


@pytest.mark.parametrize('start', [0, 1, DIMENSION - 1, DIMENSION, 3 * DIMENSION + 5])
@pytest.mark.parametrize('size', [0, 1, 10, DIMENSION, 2 * DIMENSION + 1])
def test_any_part_adds_what_it_should(sketch, start, size):
  values = flat(vector())
  alone = np.zeros_like(values)
  alone[start : start + size] = values[start : start + size]
  whole = sketch.part(tf.constant(alone), 0)
  part = sketch.part(tf.constant(values[start : start + size]), start)
  np.testing.assert_allclose(part, whole, atol=1e-5)


@pytest.mark.parametrize('kind', ['random', 'of rank one', 'sparse'])
def test_lengths_and_angles_are_kept(kind):
  """Over many seeds: unbiased, and spread as the docstring says."""
  rng = np.random.default_rng(1)
  size = 256 * 300
  if kind == 'random':
    values = rng.normal(size=size)
  elif kind == 'of rank one':  # As a weight matrix' gradient of one example is.
    values = np.outer(rng.normal(size=256), rng.normal(size=300)).ravel()
  else:
    values = np.where(rng.uniform(size=size) < 0.01, rng.normal(size=size), 0)
  values = tf.constant(values, tf.float32)
  squares = [np.sum(np.square(Sketch(size, seed).part(values, 0))) for seed in range(200)]
  ratio = np.array(squares) / np.sum(np.square(values))
  assert ratio.mean() == pytest.approx(1, abs=0.04)
  assert ratio.std() == pytest.approx(np.sqrt(2 / DIMENSION), rel=0.35)


def test_other_seeds_give_other_projections():
  values = tf.ones([10_000])
  one, other = (Sketch(10_000, seed).part(values, 0).numpy() for seed in (0, 1))
  assert not np.allclose(one, other)
  np.testing.assert_array_equal(one, Sketch(10_000, 0).part(values, 0))
