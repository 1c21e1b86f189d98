"""Padding: the distributions of a step's least time."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.sampling import step_times

MEAN = 0.2
DRAWS = 8000


def padding(distribution, deviation=0.15, slowdown=()):
  cluster = config_lib.default_config().cluster
  cluster.step_seconds = MEAN
  cluster.step_distribution = distribution
  cluster.step_deviation = deviation
  cluster.slowdown = slowdown
  return cluster


def sample(cluster, seed=0, replica=0, count=DRAWS):
  """Times of a replica's first steps, drawn in a graph as on a worker."""

  @tf.function(autograph=False)
  def draw():
    return tf.map_fn(
      lambda step: step_times.sample_seconds(
        cluster, seed, tf.constant(replica, tf.int64), step
      ),
      tf.range(count, dtype=tf.int64),
      fn_output_signature=tf.float64,
    )

  return draw().numpy()


@pytest.mark.parametrize(
  ('distribution', 'deviation', 'expected'),
  [
    ('gamma', 0.15, 0.15),
    ('gamma', 1.5, 1.5),
    ('lognormal', 0.15, 0.15),
    ('lognormal', 0.6, 0.6),
    ('pareto', 0.15, 0.15),
    ('exponential', 0.15, 1.0),  # Has no deviation of its own.
  ],
)
def test_mean_and_deviation_are_the_configs(distribution, deviation, expected):
  times = sample(padding(distribution, deviation))
  assert (times > 0).all()
  error = expected / np.sqrt(DRAWS)  # Of the mean; the seed is fixed.
  np.testing.assert_allclose(times.mean() / MEAN, 1, atol=4 * error)
  np.testing.assert_allclose(times.std() / MEAN, expected, rtol=0.06)


def test_the_tail_of_pareto_is_a_power():
  times = sample(padding('pareto', 1.0), count=100_000)
  shape = 1 + np.sqrt(2)
  least = times.min()
  assert least == pytest.approx(MEAN * (shape - 1) / shape, rel=1e-3)
  for factor in (2, 5, 20):
    tail = (times > factor * least).mean()
    assert tail == pytest.approx(factor**-shape, rel=0.15)


def test_constant_is_constant():
  assert set(sample(padding('constant'), count=20)) == {MEAN}


@pytest.mark.parametrize('distribution', ['gamma', 'lognormal', 'exponential', 'pareto'])
def test_a_time_is_a_function_of_seed_replica_and_step(distribution):
  cluster = padding(distribution)
  first = sample(cluster, count=20)
  np.testing.assert_array_equal(first, sample(cluster, count=20))
  others = [
    sample(cluster, seed=1, count=20),
    sample(cluster, replica=1, count=20),
    sample(cluster, seed=2**31 - 1, count=20),
  ]
  assert len(np.unique([first, *others])) == 80


@pytest.mark.parametrize('distribution', ['constant', 'gamma'])
def test_slowdown_multiplies_a_replicas_times(distribution):
  plain, slowed = padding(distribution), padding(distribution, slowdown=(1, 1, 4))
  for replica, factor in enumerate((1, 1, 4)):
    np.testing.assert_allclose(
      sample(slowed, replica=replica, count=20),
      factor * sample(plain, replica=replica, count=20),
    )


def test_no_padding_is_0():
  cluster = padding('gamma')
  cluster.step_seconds = 0.0
  assert set(sample(cluster, count=5)) == {0.0}
