"""Models that no cluster can train, each with a reason."""

import keras
import tensorflow as tf
from keras import layers

from tests.wild import own_losses
from tests.wild.compiling import classifier


class OwnStep(own_losses.Variational):
  """A variational autoencoder that trains itself."""

  def train_step(self, data):
    return super().train_step(data)


def own_train_step():
  """A train_step of one's own."""
  made = own_losses.variational_of_a_subclass()
  model = OwnStep(made.encoder, made.decoder)
  model(tf.zeros([1, 12, 12, 1]))
  model.compile('adam', jit_compile=False)
  return model


class OldStochasticDepth(layers.Layer):
  """Draws by a global generator."""

  def call(self, x, training=False):
    if not training:
      return x
    return x * tf.floor(0.9 + tf.random.uniform([tf.shape(x)[0], 1])) / 0.9


def random_of_tensorflow():
  """Random numbers that are no function of the seed."""
  inputs = keras.Input((20,))
  x = OldStochasticDepth()(layers.Dense(16)(inputs))
  return classifier(inputs, layers.Dense(4)(x))


def double():
  """A policy of float64."""
  inputs = keras.Input((20,))
  policy = keras.DTypePolicy('float64')
  return classifier(inputs, layers.Dense(4, dtype=policy)(inputs))


def spectral():
  """A layer that assigns to a weight that is trained."""
  inputs = keras.Input((20,))
  return classifier(inputs, layers.SpectralNormalization(layers.Dense(4))(inputs))


def stateful():
  """A recurrent layer that goes on where the last minibatch ended."""
  inputs = keras.Input(batch_shape=(16, 20))
  x = layers.LSTM(3, stateful=True)(layers.Reshape((20, 1))(inputs))
  return classifier(inputs, layers.Dense(4)(x))


def vocabulary():
  """A table of words within the model."""
  inputs = keras.Input((), dtype='string')
  x = layers.StringLookup(vocabulary=['a', 'b'], output_mode='one_hot')(inputs)
  return classifier(inputs, layers.Dense(2)(x))
