"""Sleeping inside a graph, without the processor."""

from __future__ import annotations

import tensorflow as tf


def sleep(seconds: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
  """Returns a scalar that is there `seconds` after `start` has been computed.

  A worker cannot run Python, but tf.data has a dataset that sleeps before each element;
  `take(1)` keeps it from sleeping once more to find its end.
  """
  with tf.control_dependencies([start]):
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
