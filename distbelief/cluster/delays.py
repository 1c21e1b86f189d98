"""Imitates slow machines: steps, fetches, pushes and all-reduces padded by sleeping.

Sleeping takes no processor, so two cores host twenty replicas that sleep for most of a
step. Every algorithm pads the same step of the same replica alike (step_times.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_collections
import tensorflow as tf

from distbelief.algorithms.statistics import Weights
from distbelief.data.source import Minibatch
from distbelief.models.objective import Gradient, Objective
from distbelief.sampling import seeds, step_times


def timed_gradient(
  config: ml_collections.ConfigDict,
  objective: Objective,
  weights: Weights,
  minibatch: Minibatch,
  replica: tf.Tensor,
  step: tf.Tensor,
  start: tf.Tensor,
) -> tuple[Gradient, tf.Tensor]:
  """Returns a step's loss and gradient, and the time at which they and padding ended.

  Args:
    config: Config of the run, with the padding in config.cluster.
    objective: Objective of the run.
    weights: Weights at which the gradient is computed.
    minibatch: Inputs and labels.
    replica: Index of the replica, int64 scalar.
    step: Step of the replica, int64 scalar.
    start: Time after which computing and sleeping begin, float64 scalar.
  """
  with tf.control_dependencies([start]):
    weights = tf.nest.map_structure(tf.identity, weights)
  seed = seeds.of_step(config.seed, seeds.MODEL, replica, step)
  result = objective.gradient(*weights, minibatch, seed)
  done = list(tf.nest.flatten(result))
  if config.cluster.step_seconds > 0:
    seconds = step_times.sample_seconds(config.cluster, config.seed, replica, step)
    done.append(sleep(seconds, start))
  return result, now(done)


def latency(cluster: ml_collections.ConfigDict, start: tf.Tensor) -> tf.Tensor:
  """Returns `start`, available config.cluster.latency_seconds after it is computed."""
  if not cluster.latency_seconds:
    return start
  with tf.control_dependencies([sleep(tf.constant(cluster.latency_seconds), start)]):
    return tf.identity(start)


def now(computed: Sequence[tf.Tensor]) -> tf.Tensor:
  """Returns the time, float64 seconds since the epoch, once all of `computed` is."""
  with after(computed):
    return tf.timestamp()


def after(tensors: Sequence[tf.Tensor]) -> Any:
  """Returns a context whose operations wait for `tensors`.

  As values: within a branch, TensorFlow may forget to wait for tensors of the graph
  around it.
  """
  return tf.control_dependencies([tf.identity(tensor) for tensor in tensors])


def sleep(seconds: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
  """Returns a scalar that is available `seconds` after `start` has been computed.

  A worker cannot run Python, but tf.data has a dataset that sleeps before each element;
  `take(1)` keeps it from sleeping once more to find its end.
  """
  with after([start]):
    microseconds = tf.cast(1e6 * tf.cast(seconds, tf.float64), tf.int64)
  options = tf.data.Options()
  options.autotune.enabled = False
  options.experimental_optimization.apply_default_optimizations = False
  options.experimental_optimization.inject_prefetch = False
  dataset = tf.data.Dataset.from_tensors(microseconds)
  slept = tf.raw_ops.SleepDataset(
    input_dataset=tf.data.experimental.to_variant(dataset),
    sleep_microseconds=microseconds,
    output_types=[tf.int64],
    output_shapes=[[]],
  )
  dataset = tf.data.experimental.from_variant(slept, tf.TensorSpec([], tf.int64))
  return dataset.take(1).with_options(options).get_single_element()
