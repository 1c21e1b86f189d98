"""Numbers of what is drawn: no two draws have one in common."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from distbelief.sampling import seeds

STREAMS = (seeds.PADDING, seeds.MODEL)
LARGEST = 2**31 - 1  # Of a seed, and of a replica.


def numbers(seed, stream, replicas):
  replicas = np.asarray(replicas, np.int64)
  found = seeds.of_step(seed, stream, replicas, np.full_like(replicas, 7)).numpy()
  assert found.dtype == np.int64 and (found[:, 1] == 7).all()
  return found[:, 0]


def test_ordinary_replicas_have_the_numbers_that_they_always_had():
  replicas = np.arange(32_000)
  for seed, stream in itertools.product((0, 1, 77, LARGEST), STREAMS):
    np.testing.assert_array_equal(
      numbers(seed, stream, replicas), seed * 65_536 + stream + replicas
    )


@pytest.mark.parametrize('first_seed', [0, LARGEST - 3])
def test_no_two_streams_seeds_or_replicas_collide(first_seed):
  """Of replicas past where a stream once ran into the next, for seeds side by side."""
  replicas = np.arange(100_000)
  found = np.concatenate(
    [
      numbers(seed, stream, replicas)
      for seed in range(first_seed, first_seed + 4)
      for stream in STREAMS
    ]
  )
  assert len(np.unique(found)) == len(found) == 800_000


def test_nor_do_they_at_the_edges():
  middle = [2**16, 2**17, 2**30, 2**31 - 2**16, LARGEST]
  replicas = sorted(
    {
      max(0, min(LARGEST, m + d))
      for m in [0, 32_000, 32_736, 32_800, *middle]
      for d in (-2, -1, 0, 1, 2)
    }
  )
  found = np.concatenate(
    [
      numbers(seed, stream, replicas)
      for seed in (0, 1, 2, 2**15, 2**16, 2**30, LARGEST - 1, LARGEST)
      for stream in STREAMS
    ]
  )
  assert len(np.unique(found)) == len(found) == 16 * len(replicas)


def test_tensors_of_any_shape_and_a_seed_that_is_a_tensor():
  replicas = tf.constant([[0, 31_999], [32_000, LARGEST]], tf.int64)
  found = seeds.of_step(tf.constant(5, tf.int64), seeds.MODEL, replicas, 0 * replicas)
  assert found.shape == [2, 2, 2]
  np.testing.assert_array_equal(
    found[..., 0].numpy().ravel(), numbers(5, seeds.MODEL, replicas.numpy().ravel())
  )
