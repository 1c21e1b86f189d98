"""Draws the time of a padded step: slow machines, imitated on fast ones (contract 1).

A step's time is drawn per (seed, replica, step), so that every clock and algorithm pads
the same step by the same time.
"""

from __future__ import annotations

import ml_collections
import tensorflow as tf

from distbelief.sampling import seeds as seeds_lib


def sample_seconds(
  cluster: ml_collections.ConfigDict,
  seed: int | tf.Tensor,
  replica: tf.Tensor,
  step: tf.Tensor,
) -> tf.Tensor:
  """Returns the least time of one step in seconds, a float64 scalar.

  Args:
    cluster: Section config.cluster: step_seconds (the mean), step_distribution,
      step_deviation, slowdown.
    seed: config.seed; an int64 scalar if it is a tensor.
    replica: Index of the replica, int64 scalar.
    step: Step of the replica, int64 scalar.
  """
  seeds = seeds_lib.of_step(seed, seeds_lib.PADDING, replica, step)
  deviation = cluster.step_deviation
  if cluster.step_distribution == 'constant':
    factor = tf.constant(1.0, tf.float64)
  elif cluster.step_distribution == 'gamma':
    shape = 1.0 / deviation**2
    factor = tf.random.stateless_gamma([], seeds, shape, shape, dtype=tf.float64)
  elif cluster.step_distribution == 'lognormal':
    variance = tf.math.log1p(tf.constant(deviation, tf.float64) ** 2)
    normal = tf.random.stateless_normal([], seeds, dtype=tf.float64)
    factor = tf.exp(tf.sqrt(variance) * normal - variance / 2)  # Its mean is 1.
  elif cluster.step_distribution == 'pareto':  # Heavy-tailed, with power `shape`.
    shape = 1.0 + (1.0 + deviation**-2) ** 0.5
    uniform = tf.random.stateless_uniform([], seeds, dtype=tf.float64)
    factor = (shape - 1.0) / shape * (1.0 - uniform) ** (-1.0 / shape)
  else:
    uniform = tf.random.stateless_uniform([], seeds, dtype=tf.float64)
    factor = -tf.math.log1p(-uniform)  # Exponential, of mean 1.
  if cluster.slowdown:
    factor *= tf.gather(tf.constant(cluster.slowdown, tf.float64), replica)
  return cluster.step_seconds * factor
