"""Tries a config's model and data before any task of a cluster starts."""

from __future__ import annotations

from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import data, errors, learning, own
from distbelief.models import losses
from distbelief.models.objective import Objective

_EXAMPLES = 1000  # That are looked at.
_PYTHON = ('PyFunc', 'PyFuncStateless', 'EagerPyFunc')  # Operations that call Python.


def rehearse(config: ml_collections.ConfigDict) -> None:
  """Makes the model, prepares the data, and does a step if either is the user's.

  Raises:
    errors.UserError: With the field, its value and the remedy.
  """
  source = learning.source_of(config)
  source.prepare()
  source.check(config_lib.num_replicas(config), config.data.batch_size)
  objective = learning.objective_of(config, source)
  if config.target_accuracy is not None and not objective.has_accuracy:
    raise errors.ConfigError(
      'config.target_accuracy',
      config.target_accuracy,
      'needs an accuracy, and the model has none: compile it with '
      "metrics=['accuracy'], or leave this field out",
    )
  own_data = own.is_own(config.data.name)
  if own_data:
    _refuse_python(config, source)
  if own_data or config.model.name not in ('acoustic', 'image'):
    _refuse_resources(config, source, objective)
    _try_first_step(config, source, objective)


def _refuse_python(config: ml_collections.ConfigDict, source: data.Source) -> None:
  """Refuses data that call Python, which a worker does not have."""
  try:
    graph = source.graph('train')
  except errors.UserError as error:
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'cannot be made a graph, which the workers need: {error}',
    ) from error
  if _operations(graph) & set(_PYTHON):
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      'calls Python (from_generator, py_function, numpy_function), which cannot run on '
      'a worker: use TensorFlow operations, files, or from_tensor_slices',
    )


def _refuse_resources(
  config: ml_collections.ConfigDict, source: data.Source, objective: Objective
) -> None:
  """Refuses a model with state that Keras does not know of, or that calls Python."""
  specs = tf.nest.map_structure(
    tf.TensorSpec.from_tensor, (objective.initial, objective.statistics)
  )
  minibatch = source.minibatch_spec(config.data.batch_size)
  graph = (
    tf.function(objective.gradient, autograph=False)
    .get_concrete_function(*specs, minibatch, tf.TensorSpec([2], tf.int64))
    .graph
  )
  held = [t for t, _ in graph.captures if t.dtype in (tf.resource, tf.variant)]
  if held or _operations(graph.as_graph_def()) & set(_PYTHON):
    what = 'calls Python' if not held else 'holds a tf.Variable or a lookup table'
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'{what}, which cannot be sent to a worker: use the weights and operations of '
      'Keras layers (a table of words belongs into the data)',
    )


def _operations(definition: Any) -> set[str]:
  nodes = [
    *definition.node,
    *(n for f in definition.library.function for n in f.node_def),
  ]
  return {node.op for node in nodes}


def _try_first_step(
  config: ml_collections.ConfigDict, source: data.Source, objective: Objective
) -> None:
  first = source.first(max(_EXAMPLES, config.data.batch_size))
  _, labels, *_ = first
  if losses.has_classes(objective.model.loss) and not tf.nest.is_nested(labels):
    _refuse_labels(config, np.asarray(labels), objective.model.output_shape[-1])
  minibatch = tf.nest.map_structure(lambda part: part[: config.data.batch_size], first)
  try:
    loss = objective.gradient(
      objective.initial, objective.statistics, minibatch, tf.constant([0, 0], tf.int64)
    ).loss
  except Exception as error:  # Whatever a layer or a loss raises.
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'fails on the first minibatch of {config.data.name}: {own.one_line(error)}',
    ) from error
  if not np.isfinite(loss):
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'makes the loss {float(loss)} on its first minibatch: look for NaN and huge '
      'numbers in the inputs, and at the loss',
    )


def _refuse_labels(
  config: ml_collections.ConfigDict, labels: np.ndarray, num_outputs: int
) -> None:
  bad = labels[(labels < 0) | (labels >= num_outputs)]
  if bad.size:
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'has the label {bad.flat[0]} among its first {len(labels)} examples, and the '
      f'model {num_outputs} outputs: labels must lie between 0 and {num_outputs - 1}',
    )
