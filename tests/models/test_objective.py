"""Loss, accuracy and gradient of a model whose parameters come in as arguments."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from distbelief.models import objective
from tests import made, slow_truth

CLASSES = 3
SPEC = (tf.TensorSpec([None, 6]), tf.TensorSpec([None], tf.int32))
SEED = tf.constant([1, 2], tf.int64)


def make(hidden_units=(5, 4)):
  return objective.Objective(made.classifier((6,), hidden_units, CLASSES, seed=1), SPEC)


def minibatch(size, seed=0):
  rng = np.random.default_rng(seed)
  inputs = rng.normal(size=[size, 6]).astype(np.float32)
  return inputs, rng.integers(0, CLASSES, [size]).astype(np.int32)


def moved(goal, seed=0):
  """Parameters that are not the model's own."""
  rng = np.random.default_rng(seed)
  return [p + tf.constant(rng.normal(size=p.shape), tf.float32) for p in goal.initial]


def losses_and_hits(goal, params, inputs, labels):
  logits = goal.outputs(params, [], tf.constant(inputs)).numpy().astype(np.float64)
  likelihoods = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  losses = -np.log(likelihoods[np.arange(len(labels)), labels])
  return losses, logits.argmax(axis=1) == labels


@pytest.mark.parametrize('hidden_units', [(5, 4), ()])
def test_gradient_equals_the_slow_truth(hidden_units):
  goal = make(hidden_units)
  params = moved(goal)
  inputs, labels = minibatch(9)
  batch = (tf.constant(inputs), tf.constant(labels))
  found = tf.function(goal.gradient)(params, [], batch, SEED)
  expected = slow_truth.gradient([p.numpy() for p in params], inputs, labels)
  for tensor, truth in zip(found.gradient, expected, strict=True):
    np.testing.assert_allclose(tensor, truth, rtol=1e-4, atol=1e-6)
  losses, hits = losses_and_hits(goal, params, inputs, labels)
  np.testing.assert_allclose(found.loss, losses.mean(), rtol=1e-5)
  np.testing.assert_allclose(found.accuracy, hits.mean(), rtol=1e-6)


def test_evaluation_weighs_every_example_alike():
  goal = make()
  params = moved(goal)
  minibatches = [minibatch(size, seed=size) for size in (8, 8, 3)]
  found = goal.evaluate(params, [], [tuple(map(tf.constant, m)) for m in minibatches])
  results = [losses_and_hits(goal, params, *m) for m in minibatches]
  losses, hits = (np.concatenate(parts) for parts in zip(*results))
  assert found == pytest.approx({'loss': losses.mean(), 'accuracy': hits.mean()}, 1e-5)


def test_shapes_and_initial_values_are_the_models():
  goal = make()
  assert goal.shapes == [(6, 5), (5,), (5, 4), (4,), (4, 3), (3,)]
  for tensor, weights in zip(goal.initial, goal.model.get_weights(), strict=True):
    np.testing.assert_array_equal(tensor, weights)


def test_plain_keras_loads_what_is_exported(tmp_path):
  goal = make()
  params = moved(goal)
  inputs, _ = minibatch(7)
  goal.export(params, [], tmp_path)
  loaded = keras.models.load_model(tmp_path / 'model.keras')
  found = loaded(inputs).numpy()
  np.testing.assert_allclose(found, goal.outputs(params, [], inputs), rtol=1e-6)
  assert not np.allclose(found, goal.outputs(goal.initial, [], inputs))


def test_what_is_counted_in_whole_numbers_is_added_to():
  class Counter(keras.layers.Layer):
    def build(self, shape):
      zeros = {'initializer': 'zeros', 'trainable': False, 'dtype': 'int32'}
      self.count = self.add_weight(shape=(), **zeros)

    def call(self, inputs):
      self.count.assign(self.count + 1)
      return inputs

  model = keras.Sequential([keras.Input((6,)), Counter(), keras.layers.Dense(CLASSES)])
  model.compile('sgd', keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  goal = objective.Objective(model, SPEC)
  batch = tuple(map(tf.constant, minibatch(5)))
  change = goal.gradient(*goal.weights, batch, SEED).change
  (after,) = change.apply([tf.constant(40.0)])  # Others have counted meanwhile.
  assert float(after) == 41
