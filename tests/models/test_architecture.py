"""A model and its file are described alike, and other models otherwise."""

import keras
import pytest
from keras import layers

from distbelief.models import architecture
from tests import zoo


def shared():
  """Objects that a file has once, and layers that are used twice."""
  inputs = keras.Input((6,))
  start, dense = keras.initializers.HeNormal(seed=3), layers.Dense(6)
  x = layers.Dense(6, kernel_initializer=start, bias_initializer=start)(inputs)
  return keras.Model(inputs, dense(dense(x)))  # And it is not compiled.


@pytest.mark.parametrize('make', [*zoo.ALL, shared], ids=lambda make: make.__name__)
def test_a_file_is_described_as_its_model_and_as_one_made_again(make, tmp_path):
  path = tmp_path / 'model.keras'
  make().save(path)
  assert '"class_name"' in architecture.of_file(path)
  assert architecture.of_file(path) == architecture.of_model(make())


def test_models_of_other_layers_or_losses_differ():
  def model(activation='relu', loss='mse'):
    made = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation)])
    made.compile('sgd', loss)
    return architecture.of_model(made)

  assert len({model(), model('tanh'), model(loss='mae')}) == 3


def test_a_model_that_cannot_tell_has_no_description():
  class Mute(keras.Model):
    def get_config(self):
      raise NotImplementedError

  assert architecture.of_model(Mute()) == ''
