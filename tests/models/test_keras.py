"""Keras models of many kinds as an Objective, against Keras itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from distbelief.models import objective
from tests import zoo

SEED = tf.constant([3, 4], tf.int64)

pytestmark = pytest.mark.parametrize('make', zoo.ALL, ids=lambda make: make.__name__)


def minibatches(make, count=3):
  data = zoo.Data(zoo.ALL[make])
  return list(data.minibatches(0, 1, 0, zoo.BATCH).take(count))


def numbers(tensors):
  return [np.asarray(t) for t in tensors]


def test_a_step_is_what_keras_does(make):
  """Loss, gradient, accuracy and statistics, on values that are not the model's own."""
  keras.utils.set_random_seed(1)
  model, (minibatch, *_) = make(), minibatches(make)
  goal = objective.Objective(model, zoo.ALL[make])
  params = [p + 0.1 * tf.random.normal(p.shape) for p in goal.initial]
  statistics = [s + tf.random.uniform(s.shape) for s in goal.statistics]
  step = tf.function(goal.gradient, autograph=False)
  found = step(params, statistics, minibatch, SEED)

  inputs, labels = minibatch
  for variable, value in zip(model.trainable_variables, params):
    variable.assign(value)
  moving = [v for v in model.non_trainable_variables if 'moving' in v.name]
  moving = [v for v in moving if goal.statistics]  # Else they are frozen.
  for variable, value in zip(moving, statistics, strict=True):
    variable.assign(value)
  for index, variable in enumerate(model.non_trainable_variables):
    if variable.name == 'seed_generator_state':
      variable.assign(tf.random.experimental.stateless_fold_in(SEED, index))
  before = numbers(model.variables)
  with tf.GradientTape() as tape:
    outputs = model(inputs) if make is zoo.subclassed else model(inputs, training=True)
    loss = model.compute_loss(inputs, labels, outputs, None)
  truth = tape.gradient(loss, [v.value for v in model.trainable_variables])
  np.testing.assert_allclose(found.loss, loss, rtol=1e-5)
  for tensor, expected in zip(found.gradient, truth, strict=True):
    expected = tf.convert_to_tensor(expected)  # Rows of an embedding, else.
    np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-6)
  for after, variable in zip(found.change.apply(statistics), moving, strict=True):
    np.testing.assert_allclose(after, variable, rtol=1e-5)
  changed = [(a != b).any() for a, b in zip(before, numbers(model.variables))]
  assert sum(changed) >= len(moving)


def test_draws_are_a_function_of_the_seed(make):
  model, (minibatch, *_) = make(), minibatches(make)
  goal = objective.Objective(model, zoo.ALL[make])
  step = tf.function(goal.gradient, autograph=False)
  before = numbers(model.variables)
  first, again, other = (
    float(step(*goal.weights, minibatch, seed).loss) for seed in (SEED, SEED, SEED + 1)
  )
  assert first == again
  assert (first != other) == (make in (zoo.dropout, zoo.batch_normalisation))
  for value, variable in zip(before, model.variables, strict=True):
    np.testing.assert_array_equal(value, variable)  # The model's own stay.


def test_evaluation_is_keras_own(make):
  model, batches = make(), minibatches(make)
  goal = objective.Objective(model, zoo.ALL[make])
  found = goal.evaluate(*goal.weights, batches)
  again = goal.evaluate(*goal.weights, batches)
  assert found == pytest.approx(again, nan_ok=True)  # It begins anew.
  whole = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *batches)
  truth = model.evaluate(*whole, zoo.BATCH, verbose=0, return_dict=True)
  names = {'kind_accuracy': 'accuracy'}
  truth = {names.get(name, name): value for name, value in truth.items()}
  truth.setdefault('accuracy', float('nan'))
  assert found == pytest.approx(truth, rel=1e-4, nan_ok=True)
  assert goal.has_accuracy == (found['accuracy'] == found['accuracy'])


def test_what_is_exported_is_what_was_given(make, tmp_path):
  model, (minibatch, *_) = make(), minibatches(make)
  goal = objective.Objective(model, zoo.ALL[make])
  params = [p + 0.5 for p in goal.initial]
  statistics = [s + 0.5 for s in goal.statistics]
  expected = tf.nest.flatten(goal.outputs(params, statistics, minibatch[0]))
  path = tmp_path / 'model.keras'
  goal.export(params, statistics, path.parent)
  loaded = tf.nest.flatten(keras.models.load_model(path)(minibatch[0]))
  for one, other in zip(expected, loaded, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
