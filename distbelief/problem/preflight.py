"""Tries a config's model and data before any task of a cluster starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import data, errors, models
from distbelief.algorithms import rules
from distbelief.algorithms.sharding import Sharding
from distbelief.data.own_data import OwnData
from distbelief.models import losses
from distbelief.models.objective import Gradient, Objective
from distbelief.problem import factory, randomness, rounding, saving

_EXAMPLES = 1000  # Examples that are checked.
_PYTHON = ('PyFunc', 'PyFuncStateless', 'EagerPyFunc')  # Operations that call Python.


def run(
  config: ml_collections.ConfigDict, warn: Callable[[str], None] = lambda text: None
) -> data.Source:
  """Creates the model, prepares the data, and does a step if either is the user's.

  Args:
    config: Config of the run, checked.
    warn: Function that shows a line.

  Returns:
    The data, for who trains in this process.

  Raises:
    errors.UserError: Names the field, its value and the remedy.
  """
  rules.load(config.server)  # Raises if it asks for an unknown argument.
  source = factory.make_source(config)
  source.prepare()
  source.check(config_lib.num_replicas(config), config.data.batch_size)
  objective = factory.make_objective(config, source)
  if config.target_accuracy is not None and not objective.has_accuracy:
    raise errors.ConfigError(
      'config.target_accuracy',
      config.target_accuracy,
      'needs an accuracy, and the model has none: compile it with '
      "metrics=['accuracy'], or leave this field out",
    )
  if config_lib.algorithm(config).has_server:
    sharding = Sharding(objective.shapes, config_lib.jobs(config)['ps'])
    factory.make_server_rule(config, objective, sharding)  # Raises if it cannot be.
  if isinstance(source, OwnData):
    _refuse_operations(config, source)
  if isinstance(source, OwnData) or config.model.name not in models.built_ins():
    _refuse_resources(config, source, objective)
    off = _try_first_step(config, source, objective)
    for line in (
      saving.warning(config, objective),
      rounding.note(off),
      _rate_note(config),
    ):
      if line:
        warn(line)
  return source


def _refuse_operations(config: ml_collections.ConfigDict, source: OwnData) -> None:
  """Rejects data that call Python, which a worker does not have, or are not the same."""
  try:
    graph = source.graph()
  except errors.ConfigError as error:
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'cannot be made a graph, which the workers need: {error.remedy}{_hint(error)}',
    ) from error
  operations = _operations(graph)
  if operations & set(_PYTHON):
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      'calls Python (from_generator, py_function, numpy_function), which cannot run on '
      'a worker: use TensorFlow operations, files, or from_tensor_slices',
    )
  randomness.refuse_in_data(config, source, operations)


def _rate_note(config: ml_collections.ConfigDict) -> str:
  """Returns a line for a model of the user's at the rate of the built-in networks."""
  rate = config_lib.learning_rate(config)
  is_default = rate == config_lib.default_config().server.learning_rate
  if config.model.name in models.built_ins() or not is_default:
    return ''
  return (
    f'note: the rate is {rate:g}, the default, which suits the built-in networks; '
    '`distbelief rates --clock=virtual` with the same --config flags and a --workdir of '
    'its own finds that of your model'
  )


def _hint(error: errors.ConfigError) -> str:
  if 'AutoGraph' not in error.remedy and 'symbolic' not in error.remedy:
    return ''
  return (
    ' (what is adapted, or compared in Python, inside the function belongs to the top '
    'level of its file)'
  )


def _refuse_resources(
  config: ml_collections.ConfigDict, source: data.Source, objective: Objective
) -> None:
  """Rejects a model that calls Python, or has state that Keras does not know of."""
  try:
    step = objective.traced(source.minibatch_spec(config.data.batch_size))
  except Exception as error:  # A layer, a loss or a metric may raise anything.
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'cannot be made a graph on minibatches of {config.data.name}, which the workers '
      f'need: {errors.one_line(error)}',
    ) from error
  operations = _operations(step.graph.as_graph_def())
  randomness.refuse_in_model(config, step, operations)
  held = [t for t, _ in step.graph.captures if t.dtype in (tf.resource, tf.variant)]
  if held or operations & set(_PYTHON):
    what = 'calls Python' if not held else 'holds a tf.Variable or a lookup table'
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'{what}, which cannot be sent to a worker: use the weights and operations of '
      'Keras layers (a table of words belongs into the data)',
    )


def _operations(definition: Any) -> set[str]:
  """Returns the names of all operations of a GraphDef, of its functions as well."""
  nodes = [
    *definition.node,
    *(n for f in definition.library.function for n in f.node_def),
  ]
  return {node.op for node in nodes}


def _try_first_step(
  config: ml_collections.ConfigDict, source: data.Source, objective: Objective
) -> float:
  """Computes a gradient; returns how it differs when it is computed again."""
  first = source.first(max(_EXAMPLES, config.data.batch_size))
  _, labels, *_ = first
  minibatch = tf.nest.map_structure(lambda part: part[: config.data.batch_size], first)
  weights = objective.weights

  def compute() -> Gradient:
    return objective.gradient(*weights, minibatch, tf.constant([0, 0], tf.int64))

  try:
    outputs = objective.outputs(*weights, minibatch[0])
    if losses.has_classes(objective.model.loss) and tf.is_tensor(outputs):
      _refuse_labels(config, np.asarray(labels), outputs.shape[-1], objective.model.loss)
    result = compute()
    objective.evaluate(*weights, [minibatch])
    off = 0.0
    if config.telemetry.records:  # Else there is no replay for which it matters.
      off = rounding.difference(result.gradient, lambda: compute().gradient)
  except errors.UserError:
    raise
  except Exception as error:  # A layer or a loss may raise anything.
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      f'fails on the first minibatch of {config.data.name}: {errors.one_line(error)}',
    ) from error
  loss = result.loss
  if not any(np.any(gradient) for gradient in result.gradient):
    raise errors.ConfigError(
      'config.model.name',
      config.model.name,
      'has a loss without a gradient: nothing in it depends smoothly on the parameters',
    )
  if not np.isfinite(loss):
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'makes the loss {float(loss)} on its first minibatch: look for NaN and huge '
      'numbers in the inputs, and at the loss',
    )
  return off


def _refuse_labels(
  config: ml_collections.ConfigDict, labels: np.ndarray, num_outputs: int, loss: Any
) -> None:
  ignored = labels == getattr(loss, 'ignore_class', None)
  bad = labels[((labels < 0) | (labels >= num_outputs)) & ~ignored]
  if bad.size:
    raise errors.ConfigError(
      'config.data.name',
      config.data.name,
      f'has the label {bad.flat[0]} among its first {len(labels)} examples, and the '
      f'model {num_outputs} outputs: labels must lie between 0 and {num_outputs - 1}',
    )
