"""The objective: a Keras model's loss on a minibatch, as a function of parameters."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from distbelief import errors
from distbelief.algorithms.constraints import Constraint
from distbelief.algorithms.sharding import FlatLayout
from distbelief.algorithms.statistics import AffineUpdate, Weights
from distbelief.data.source import Minibatch

# How Keras names the state of a generator of random numbers, e.g. of a dropout layer.
_SEED = 'seed_generator_state'


# Files of a trained model: all of it, or its weights only.
WHOLE, WEIGHTS = 'model.keras', 'model.weights.h5'


class Exported(NamedTuple):
  """The file that has a trained model."""

  name: str  # WHOLE or WEIGHTS.
  why: str  # Reason why it is not whole, in one line.


class Gradient(NamedTuple):
  """The results that a replica computes from one minibatch."""

  loss: tf.Tensor  # Mean over the examples, with the model's own losses.
  accuracy: tf.Tensor  # NaN if the model has no such metric.
  gradient: list[tf.Tensor]
  change: AffineUpdate  # Change of the statistics.


class Objective:
  """A Keras model's loss, with parameters and statistics as arguments.

  The model's own variables are never trained, because a replica's values are on its
  worker and the server's on its shards (Keras' `fit` cannot train under a parameter
  server). Every value that the model reads is passed to it: parameters and statistics
  from outside; seeds as a function of (seed, replica, step); all others, e.g. of frozen
  layers, as constants.

  Attributes:
    model: Model as it was built.
    initial: Initial parameters, a tensor per trainable variable.
    statistics: Initial statistics (algorithms/statistics.py), a float32 tensor each.
  """

  def __init__(self, model: keras.Model, spec: Minibatch) -> None:
    """Finds the variables that training changes, and creates the model's metrics.

    Args:
      model: Model, built and compiled; models/creation.py rejects unsuitable ones.
      spec: TensorSpecs of a minibatch.
    """
    self.model = model
    takes = inspect.signature(model.call).parameters.values()
    self._told_of_training = any(
      p.name == 'training' or p.kind is p.VAR_KEYWORD for p in takes
    )
    variables = model.trainable_variables
    self._trained = [v for v in variables if not v.overwrite_with_gradient]
    self.initial = [tf.constant(v.numpy()) for v in self._trained]
    # What Keras calls a gradient of these (scales of float8) is their next value: they
    # are statistics, which a step sets.
    self._overwritten = [v for v in variables if v.overwrite_with_gradient]
    self._others = [*model.non_trainable_variables, *self._overwritten]
    self._constants = [v.numpy() for v in self._others]
    first = len(self._others) - len(self._overwritten)
    self._moving = [*self._find_moving(spec), *range(first, len(self._others))]
    self.statistics = [tf.constant(self._constants[i], tf.float32) for i in self._moving]
    self._make_metrics(spec)
    model.reset_metrics()
    self._no_metrics = [v.numpy() for v in model.metrics_variables]
    self._accuracy = _accuracy_name(model.get_metrics_result())
    self._gradient_function = tf.function(
      self._gradient, autograph=False, experimental_attributes={'_noinline': True}
    )

  @property
  def has_accuracy(self) -> bool:
    """Whether one of the model's metrics is an accuracy."""
    return bool(self._accuracy)

  @property
  def weights(self) -> Weights:
    """Initial weights."""
    return Weights(self.initial, self.statistics)

  @property
  def shapes(self) -> list[tuple[int, ...]]:
    """Shape of each parameter tensor, in the model's order."""
    return [tuple(tensor.shape) for tensor in self.initial]

  @property
  def statistics_shapes(self) -> list[tuple[int, ...]]:
    """Shape of each statistic."""
    return [tuple(tensor.shape) for tensor in self.statistics]

  @functools.cached_property
  def constraints(self) -> list[Constraint | None]:
    """Constraint of each parameter tensor; None: it has none."""
    return [
      None
      if variable.constraint is None
      else Constraint(
        variable.path,
        type(variable.constraint).__name__,
        variable.constraint,
        isinstance(variable.constraint, keras.constraints.NonNeg),
      )
      for variable in self._trained
    ]

  @functools.cached_property
  def layout(self) -> FlatLayout:
    """Layout of the parameters as one vector."""
    return FlatLayout(self.shapes)

  @functools.cached_property
  def statistics_layout(self) -> FlatLayout:
    """Layout of the statistics as one vector."""
    return FlatLayout(self.statistics_shapes)

  def outputs(
    self, params: list[tf.Tensor], statistics: list[tf.Tensor], inputs: Any
  ) -> Any:
    """Returns the model's predictions for inputs [B, ...], in inference mode."""
    with self._scope(params, self._state(statistics)):
      return self._call(inputs, training=False)

  def gradient(
    self,
    params: list[tf.Tensor],
    statistics: list[tf.Tensor],
    minibatch: Minibatch,
    seed: tf.Tensor,
  ) -> Gradient:
    """Returns loss, accuracy, gradient and the change of the statistics.

    One function to TensorFlow as well, which it does not inline: so it is optimised, and
    rounded, alike on a worker, in simulated time and in a replay. As a part of the
    caller's graph its operations would be fused with others.

    Args:
      params: One tensor per trainable variable.
      statistics: One tensor per statistic.
      minibatch: Tensors of the minibatch, [B, ...] each.
      seed: Seed of this step's random numbers, [2] int64.
    """
    return self._gradient_function(params, statistics, minibatch, seed)

  def traced(self, minibatch: Minibatch) -> tf.types.experimental.ConcreteFunction:
    """Returns the function of `gradient` for minibatches of these TensorSpecs."""
    specs = tf.nest.map_structure(tf.TensorSpec.from_tensor, self.weights)
    return self._gradient_function.get_concrete_function(
      *specs, minibatch, tf.TensorSpec([2], tf.int64)
    )

  def _gradient(
    self,
    params: list[tf.Tensor],
    statistics: list[tf.Tensor],
    minibatch: Minibatch,
    seed: tf.Tensor,
  ) -> Gradient:
    num_assigned = len(statistics) - len(self._overwritten)
    with tf.GradientTape() as tape, tf.GradientTape() as statistics_tape:
      tape.watch([params, statistics[num_assigned:]])
      statistics_tape.watch(statistics[:num_assigned])
      state = self._state(statistics, seed)
      # As `model.stateless_call`, with the loss in the same scope: losses that layers
      # add, and penalties on weights, are available only there.
      with self._scope(params, state) as scope:
        loss, metrics = self._score(minibatch, training=True)
        after = [
          tf.cast(scope.get_current_value(self._others[i]), tf.float32)
          for i in self._moving[:num_assigned]
        ]
    gradient, overwriting = tape.gradient(
      loss, [params, statistics[num_assigned:]], unconnected_gradients='zero'
    )
    kept = statistics_tape.gradient(
      after, statistics[:num_assigned], unconnected_gradients='zero'
    )
    # Integer counters have no derivative: a step adds to them.
    kept = [
      k if self._others[i].dtype.startswith(('float', 'bfloat')) else tf.ones_like(k)
      for i, k in zip(self._moving, kept)
    ]
    after += overwriting
    kept += [tf.zeros_like(value) for value in overwriting]
    accuracy = metrics.get(self._accuracy, tf.constant(float('nan')))
    return Gradient(
      tf.cast(loss, tf.float32),
      tf.cast(accuracy, tf.float32),
      [tf.convert_to_tensor(g) for g in gradient],
      AffineUpdate.of_step(statistics, after, kept),
    )

  def evaluate(
    self,
    params: list[tf.Tensor],
    statistics: list[tf.Tensor],
    minibatches: Iterable[Minibatch],
  ) -> dict[str, float]:
    """Returns loss, accuracy (NaN if there is none) and all metrics over `minibatches`.

    Metrics other than the accuracy have the names that `compile` gave them.
    """
    metrics = [tf.constant(value) for value in self._no_metrics]
    total, examples = 0.0, 0
    for minibatch in minibatches:
      loss, metrics = self._add(params, statistics, metrics, minibatch)
      size = int(tf.nest.flatten(minibatch)[0].shape[0])
      total, examples = total + float(loss) * size, examples + size
    with self._scope(self.initial, self._constants, metrics):
      found = _as_scalars(self.model.get_metrics_result())
    accuracy = found.pop(self._accuracy, float('nan'))
    return found | {'loss': total / examples, 'accuracy': accuracy}

  @tf.function(autograph=False)
  def _add(
    self,
    params: list[tf.Tensor],
    statistics: list[tf.Tensor],
    metrics: list[tf.Tensor],
    minibatch: Minibatch,
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with self._scope(params, self._state(statistics), metrics) as scope:
      loss, _ = self._score(minibatch, training=False)
      return loss, [scope.get_current_value(v) for v in self.model.metrics_variables]

  def export(
    self, params: list[tf.Tensor], statistics: list[tf.Tensor], folder: str | os.PathLike
  ) -> Exported:
    """Writes model.keras, the model with these parameters and statistics.

    If Keras cannot save the model, its weights alone are written, model.weights.h5.

    Args:
      params: One tensor per trainable variable.
      statistics: One tensor per statistic.
      folder: Existing folder of the file.
    """
    moving = [self._others[i] for i in self._moving]
    for variable, value in zip(self._trained, params):
      variable.assign(value)
    for variable, value in zip(moving, statistics):
      variable.assign(tf.cast(value, variable.dtype))
    whole, weights = (os.path.join(folder, name) for name in (WHOLE, WEIGHTS))
    try:
      partial = os.path.join(folder, f'partial.{WHOLE}')
      self.model.save(partial)
      os.replace(partial, whole)
      return Exported(WHOLE, '')
    except Exception as error:  # A layer's get_config may raise anything.
      with contextlib.suppress(FileNotFoundError):
        os.remove(partial)
      partial = os.path.join(folder, f'partial.{WEIGHTS}')
      self.model.save_weights(partial)
      os.replace(partial, weights)
      return Exported(WEIGHTS, errors.one_line(error))

  # Inside a scope.

  def _scope(
    self,
    params: Sequence[Any],
    others: Sequence[Any],
    metrics: Sequence[Any] | None = None,
  ) -> keras.StatelessScope:
    """Returns a context in which the model's variables have these values."""
    metrics = self._no_metrics if metrics is None else metrics
    measured = self.model.metrics_variables if metrics else []
    # A metric's state can be among the model's variables as well.
    values: dict[int, tuple[Any, Any]] = {}
    for variables, given in (
      (self._others, others),
      (self._trained, params),
      (measured, metrics),
    ):
      values |= {id(v): (v, value) for v, value in zip(variables, given, strict=True)}
    return keras.StatelessScope(list(values.values()), collect_losses=True)

  def _score(self, minibatch: Minibatch, training: bool) -> tuple[tf.Tensor, dict]:
    inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(minibatch)
    outputs = self._call(inputs, training)
    loss = self.model.compute_loss(inputs, labels, outputs, weights, training=training)
    return loss, self.model.compute_metrics(inputs, labels, outputs, weights)

  def _call(self, inputs: Any, training: bool) -> Any:
    told = {'training': training} if self._told_of_training else {}
    return self.model(inputs, **told)

  def _state(
    self, statistics: Sequence[tf.Tensor], seed: tf.Tensor | None = None
  ) -> list[Any]:
    """Returns the values of all variables that are not trained."""
    state: list[Any] = list(self._constants)
    for i, value in zip(self._moving, statistics, strict=True):
      state[i] = tf.cast(value, self._others[i].dtype)
    if seed is not None:
      for i, variable in enumerate(self._others):
        if variable.name == _SEED:
          own = tf.random.experimental.stateless_fold_in(seed, i)
          state[i] = tf.cast(own, variable.dtype)
    return state

  def _find_moving(self, spec: Minibatch) -> list[int]:
    """Returns the indices of the other variables that a training step changes, but seeds.

    Raises:
      ValueError: If a step assigns to parameters.
    """
    moving = []

    def trace(params: list[tf.Tensor], state: list[tf.Tensor], inputs: Any) -> None:
      with self._scope(params, state, ()) as scope:
        self._call(inputs, training=True)
      for variable, value in zip(self._trained, params):
        if scope.get_current_value(variable) is not value:
          raise ValueError(
            f'a step assigns to the trainable {variable.path}: leave out the layer that '
            'does so'
          )
      for i, (variable, value) in enumerate(zip(self._others, state)):
        if scope.get_current_value(variable) is not value and variable.name != _SEED:
          moving.append(i)

    inputs, *_ = keras.utils.unpack_x_y_sample_weight(spec)
    state = [tf.TensorSpec(v.shape, v.dtype) for v in self._constants]
    trace_only = tf.function(trace, autograph=False)
    trace_only.get_concrete_function(self.initial, state, inputs)
    return moving

  def _make_metrics(self, spec: Minibatch) -> None:
    """Makes Keras create the variables of the model's metrics, as on first use."""

    def zeros(tensor: tf.TensorSpec) -> tf.Tensor:
      return tf.zeros([2, *tensor.shape[1:]], tensor.dtype)  # One row might broadcast.

    self._score(tf.nest.map_structure(zeros, spec), training=False)


def _as_scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
  """Returns metrics by name; one with a value per class becomes name_0, name_1, ..."""
  scalars = {}
  for name, value in metrics.items():
    values = np.asarray(value, np.float64)
    if values.ndim == 0:
      scalars[name] = float(values)
    else:
      scalars |= {f'{name}_{i}': float(v) for i, v in enumerate(values.ravel())}
  return scalars


def _accuracy_name(metrics: Iterable[str]) -> str:
  """Returns the name of the accuracy among metrics; '' if there is none, or several."""
  names = [n for n in metrics if n in ('accuracy', 'acc') or n.endswith('_accuracy')]
  if 'accuracy' in names:
    return 'accuracy'
  return names[0] if len(names) == 1 else ''
