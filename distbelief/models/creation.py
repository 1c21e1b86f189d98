"""Creates the model that a config names, and rejects models that cannot be trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import ml_collections
import tensorflow as tf

from distbelief import errors, models, user_code
from distbelief.data import specs
from distbelief.data.source import Minibatch
from distbelief.models import losses
from distbelief.models.objective import Objective

_FIELD = 'config.model.name'


def objective_of(
  config: ml_collections.ConfigDict,
  spec: Minibatch,
  num_classes: int | None,
  seed: int,
  weights: str | None = None,
) -> Objective:
  """Returns the Objective of config.model; see distbelief.models."""
  model = _create(config, spec, num_classes, seed)
  if weights is not None:
    _load_weights(config.name, model, weights)
  if not getattr(model, 'compiled', False):
    known = models.built_ins().get(config.name)
    _compile(model, known.load().loss() if known else _loss(config.loss))
  _refuse(config.name, model)
  try:
    return Objective(model, spec)
  except Exception as error:  # A layer or a loss may raise anything.
    raise errors.ConfigError(
      _FIELD,
      config.name,
      f'cannot be trained on minibatches of {specs.shown(spec)}: '
      f'{errors.one_line(error)}{_hint(model.loss, spec)}',
    ) from error


def _create(
  config: ml_collections.ConfigDict, spec: Minibatch, num_classes: int | None, seed: int
) -> keras.Model:
  if user_code.is_user_function(config.name) or config.name.endswith('.keras'):
    keras.utils.set_random_seed(seed)  # Equal seeds give equal weights.
    return _load(config.name) if config.name.endswith('.keras') else _call(config.name)
  inputs = spec[0]
  if not isinstance(inputs, tf.TensorSpec) or num_classes is None:
    raise errors.ConfigError(
      _FIELD,
      config.name,
      f'takes one tensor and gives classes, but the data are {specs.shown(spec)}, of '
      f'{num_classes or "an unknown number of"} classes: set config.data.num_classes, or '
      'name a model of your own',
    )
  network = models.built_ins()[config.name].load()
  return network.create(config, spec, num_classes, seed)


def _call(name: str) -> keras.Model:
  function = user_code.load_function(_FIELD, name)
  try:
    return function()
  except Exception as error:
    raise errors.ConfigError(_FIELD, name, f'failed: {errors.one_line(error)}') from error


def _load(path: str) -> keras.Model:
  try:
    return keras.models.load_model(path)
  except Exception as error:  # Keras has many kinds, some over many lines.
    reason, _, _ = errors.one_line(error)[:300].partition('. ')  # Its advice is below.
    raise errors.ConfigError(
      _FIELD,
      path,
      f'cannot be loaded: {reason} (classes of your own must be '
      'registered, and their file imported: train by a function, module:function; to '
      'evaluate, name it as config.model.name)',
    ) from error


def _hint(loss: Any, spec: Minibatch) -> str:
  """Returns what may be wrong with the labels for a loss of classes; or nothing."""
  labels = tf.nest.flatten(spec[1])[0]
  name = loss if isinstance(loss, str) else type(loss).__name__
  kind = name.lower().replace('_', '')
  if kind == 'sparsecategoricalcrossentropy' and (labels.shape.rank or 0) > 1:
    return '; one-hot labels go with CategoricalCrossentropy, not with the sparse one'
  if kind == 'categoricalcrossentropy' and labels.shape.rank == 1:
    return '; labels that are class indices go with SparseCategoricalCrossentropy'
  return ''


def _load_weights(name: str, model: Any, path: str) -> None:
  try:
    model.load_weights(path)
  except Exception as error:  # Keras has many kinds.
    raise errors.ConfigError(
      _FIELD,
      name,
      f'makes another model than that of {path}: {errors.one_line(error)}',
    ) from error


def _loss(name: str) -> keras.losses.Loss | str:
  try:
    return losses.of_name(name)
  except ValueError as error:
    raise errors.ConfigError(
      'config.model.loss',
      name,
      'is unknown: choose softmax, logistic, or one that Keras knows, e.g. '
      'mean_squared_error',
    ) from error


def _compile(model: Any, loss: keras.losses.Loss | str) -> None:
  """Compiles a model with a loss, and with an accuracy if the loss has classes."""
  if isinstance(model, keras.Model):
    metrics = ['accuracy'] if losses.has_classes(loss) else []
    model.compile('sgd', loss, metrics=metrics, jit_compile=False)


def _refuse(name: str, model: Any) -> None:
  """Raises errors.ConfigError for a model that cannot be trained here."""

  def refuse(remedy: str) -> None:
    raise errors.ConfigError(_FIELD, name, remedy)

  if not isinstance(model, keras.Model):
    refuse(f'gave a {type(model).__name__}: return a built Keras 3 model')
  if not model.built or not model.variables:
    refuse('is not built: give it a keras.Input, or call it once on a minibatch')
  if not model.trainable_variables:
    unbuilt = [layer.name for layer in _layers(model) if not layer.built]
    if unbuilt:
      refuse(
        f'is not built (its layer {unbuilt[0]} is not): call it once on a minibatch of '
        'inputs'
      )
    refuse('has nothing to train: set trainable of some layer')
  if type(model).train_step is not keras.Model.train_step:
    refuse(
      'has a train_step of its own, which cannot be cut in two (gradient here, update '
      'there): put what it does into compute_loss, or into layers'
    )
  for variable in model.trainable_variables:
    if variable.dtype != 'float32':
      refuse(
        f'has parameters that are {variable.dtype} ({variable.path}): let them be '
        'float32 (a policy such as mixed_bfloat16 leaves them so)'
      )
  for layer in _layers(model):
    if getattr(layer, 'stateful', False):
      refuse(
        f'has a layer that remembers the minibatch before ({layer.name}): set its '
        'stateful=False'
      )


def _layers(layer: keras.Layer) -> Iterator[keras.Layer]:
  inside = getattr(layer, 'layers', ())
  for inner in inside if isinstance(inside, (list, tuple)) else ():
    if isinstance(inner, keras.Layer):  # The user's layers may mean something else.
      yield inner
      yield from _layers(inner)
