"""Networks that make images, or their loss themselves."""

import keras
from keras import layers, ops

from tests.wild.data import SIZE

_SHAPE = (SIZE, SIZE, 1)


def autoencoder():
  """Convolutions that shrink an image, and others that restore it."""
  inputs = keras.Input(_SHAPE)
  x = layers.Conv2D(8, 3, strides=2, padding='same', activation='relu')(inputs)
  x = layers.Conv2DTranspose(8, 3, strides=2, padding='same', activation='relu')(x)
  x = layers.Conv2D(1, 3, padding='same', activation='sigmoid')(x)
  model = keras.Model(inputs, x)
  model.compile('adam', 'binary_crossentropy', jit_compile=False)
  return model


@keras.saving.register_keras_serializable('distbelief_tests')
class Sampling(layers.Layer):
  """Draws a code, and adds how far its distribution is from a normal one."""

  def __init__(self, **more):
    super().__init__(**more)
    self.seed = keras.random.SeedGenerator(1)

  def call(self, both):
    mean, log_variance = both
    far = 1 + log_variance - mean**2 - ops.exp(log_variance)
    self.add_loss(-0.5 * ops.mean(ops.sum(far, axis=1)))
    noise = keras.random.normal(ops.shape(mean), seed=self.seed)
    return mean + ops.exp(0.5 * log_variance) * noise


@keras.saving.register_keras_serializable('distbelief_tests')
class Reconstruction(layers.Layer):
  """Adds how far its output is from an image."""

  def call(self, image, restored):
    far = keras.losses.binary_crossentropy(image, restored)
    self.add_loss(ops.mean(ops.sum(far, axis=(1, 2))))
    return restored


def _encoded(inputs):
  x = layers.Dense(32, activation='relu')(layers.Flatten()(inputs))
  return layers.Dense(4)(x), layers.Dense(4, kernel_initializer='zeros')(x)


def _decoded(code):
  x = layers.Dense(32, activation='relu')(code)
  return layers.Reshape(_SHAPE)(layers.Dense(SIZE * SIZE, activation='sigmoid')(x))


def variational():
  """A variational autoencoder whose losses its layers add."""
  inputs = keras.Input(_SHAPE)
  outputs = Reconstruction()(inputs, _decoded(Sampling()(_encoded(inputs))))
  model = keras.Model(inputs, outputs)
  model.compile('adam', jit_compile=False)
  return model


class Variational(keras.Model):
  """The same subclassed, with a loss of its own, and parts that Keras cannot write."""

  def __init__(self, encoder, decoder):
    super().__init__()
    self.encoder, self.decoder, self.sampling = encoder, decoder, Sampling()

  def call(self, image):
    return self.decoder(self.sampling(self.encoder(image)))

  def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
    far = keras.losses.binary_crossentropy(x, y_pred)
    return ops.mean(ops.sum(far, axis=(1, 2))) + sum(self.losses)


def variational_of_a_subclass():
  """A subclass with a compute_loss of its own."""
  inputs, code = keras.Input(_SHAPE), keras.Input((4,))
  model = Variational(
    keras.Model(inputs, _encoded(inputs)), keras.Model(code, _decoded(code))
  )
  model(ops.zeros((1, *_SHAPE)))
  model.compile('adam', jit_compile=False)
  return model


@keras.saving.register_keras_serializable('distbelief_tests')
class Endpoint(layers.Layer):
  """Takes the targets as an input and adds the loss."""

  def call(self, logits, targets=None):
    if targets is not None:
      loss = keras.losses.sparse_categorical_crossentropy(
        targets, logits, from_logits=True
      )
      self.add_loss(ops.mean(loss))
    return ops.softmax(logits)


def endpoint():
  """Without a loss in `compile`."""
  inputs = keras.Input((20,), name='inputs')
  targets = keras.Input((), dtype='int32', name='targets')
  logits = layers.Dense(4)(layers.Dense(16, activation='relu')(inputs))
  model = keras.Model(
    {'inputs': inputs, 'targets': targets}, Endpoint()(logits, targets=targets)
  )
  model.compile('adam', jit_compile=False)
  return model
