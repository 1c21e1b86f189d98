"""Networks of plain numbers and named features; weights of unusual kinds."""

import keras
import numpy as np
from keras import layers, ops

from tests.wild.compiling import classifier


def structured():
  """Named features, two of which were adapted before, and one is a word."""
  ages = np.random.default_rng(1).uniform(20, 80, [500, 1])
  pressures = np.random.default_rng(2).normal(120, 15, [500, 1])
  age, pressure = keras.Input((1,), name='age'), keras.Input((1,), name='pressure')
  kind = keras.Input((1,), name='kind', dtype='string')
  bins = layers.Discretization(num_bins=6, output_mode='one_hot')
  bins.adapt(ages)
  normal = layers.Normalization()
  normal.adapt(pressures)
  hashed = layers.Hashing(8, output_mode='one_hot')(kind)
  x = layers.concatenate([bins(age), normal(pressure), hashed])
  x = layers.Dense(16, activation='relu')(x)
  x = layers.Dense(1, activation='sigmoid')(x)
  model = keras.Model({'age': age, 'pressure': pressure, 'kind': kind}, x)
  model.compile(
    'adam', 'binary_crossentropy', metrics=['accuracy', 'auc'], jit_compile=False
  )
  return model


def rare_class():
  """Six metrics, and a rate that falls (which is the server's matter here)."""
  inputs = keras.Input((20,))
  x = layers.Dropout(0.2)(layers.Dense(16, activation='relu')(inputs))
  model = keras.Model(inputs, layers.Dense(1, activation='sigmoid')(x))
  falling = keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)
  counts = (
    keras.metrics.FalseNegatives(name='fn'),
    keras.metrics.FalsePositives(name='fp'),
    keras.metrics.TruePositives(name='tp'),
    keras.metrics.TrueNegatives(name='tn'),
    keras.metrics.Precision(name='precision'),
    keras.metrics.Recall(name='recall'),
  )
  model.compile(
    keras.optimizers.Adam(falling),
    'binary_crossentropy',
    metrics=counts,
    jit_compile=False,
  )
  return model


class Recommender(keras.Model):
  """Subclassed, with a dot product of embeddings."""

  def __init__(self, num_users, num_films, width, **more):
    super().__init__(**more)
    self.users = layers.Embedding(num_users, width)
    self.films = layers.Embedding(num_films, width)
    self.taste = layers.Embedding(num_users, 1)

  def call(self, rated):
    users, films = self.users(rated[:, 0]), self.films(rated[:, 1])
    found = ops.sum(users * films, axis=1, keepdims=True)
    return ops.sigmoid(found + self.taste(rated[:, 0]))


def recommender():
  """A rating by a user of a film."""
  model = Recommender(30, 30, 4)
  model(ops.zeros((1, 2), 'int32'))
  model.compile('adam', 'binary_crossentropy', metrics=['mae'], jit_compile=False)
  return model


@keras.saving.register_keras_serializable('distbelief_tests')
class Antirectifier(layers.Layer):
  """Both signs of its input, centred and normalised."""

  def build(self, shape):
    self.kernel = self.add_weight(shape=(2 * shape[-1], 16), name='kernel')

  def call(self, x):
    x = x - ops.mean(x, axis=-1, keepdims=True)
    x = x / (ops.norm(x, axis=-1, keepdims=True) + 1e-6)
    both = ops.concatenate([ops.relu(x), ops.relu(-x)], axis=-1)
    return ops.matmul(both, self.kernel)


def antirectifier():
  """A layer of one's own, registered."""
  inputs = keras.Input((20,))
  x = Antirectifier()(layers.Dense(16)(inputs))
  return classifier(inputs, layers.Dense(4)(x))


@keras.saving.register_keras_serializable('distbelief_tests')
class Largest(layers.Layer):
  """Keeps the largest input of all steps, and counts them."""

  def build(self, unused_shape):
    zeros = {'initializer': 'zeros', 'trainable': False}
    self.largest = self.add_weight(shape=(), name='largest', **zeros)
    self.count = self.add_weight(shape=(), name='count', dtype='int32', **zeros)

  def call(self, x, training=False):
    if training:
      self.largest.assign(ops.maximum(self.largest, ops.max(x)))
      self.count.assign(self.count + 1)
    return x


def own_state():
  """A layer with state of its own."""
  inputs = keras.Input((20,))
  x = layers.Dense(16, activation='relu')(Largest()(inputs))
  return classifier(inputs, layers.Dense(4)(x))


def not_negative():
  """A network of which one layer may have no negative weight, wherever it is cut."""
  model = keras.Sequential(
    [
      keras.Input((20,)),
      layers.Dense(12, activation='sigmoid', kernel_constraint='non_neg'),
      layers.Dense(4),
    ]
  )
  return classifier(model.inputs, model.outputs)


def bounded_columns():
  """A network whose units have weights of a norm of at most 0.5, and of exactly 1."""
  inputs = keras.Input((20,))
  bounded = keras.constraints.MaxNorm(0.5)
  hidden = layers.Dense(12, activation='relu', kernel_constraint=bounded)(inputs)
  return classifier(inputs, layers.Dense(4, kernel_constraint='unit_norm')(hidden))


def _dense():
  inputs = keras.Input((20,))
  hidden = layers.Dense(32, activation='relu')(inputs)
  return keras.Model(inputs, layers.Dense(4)(hidden))


def float8():
  """A network that is quantised to eight bits while it trains."""
  model = _dense()
  model.quantize('float8')
  return classifier(model.inputs, model.outputs)


def int8():
  """A network whose kernels are of eight bits; only its biases learn."""
  model = _dense()
  model.quantize('int8')
  return classifier(model.inputs, model.outputs)


def low_rank():
  """A frozen network with an addition of low rank that learns."""
  return _with_low_rank(_dense())


def int8_low_rank():
  """The same, with frozen kernels of eight bits."""
  model = _dense()
  model.quantize('int8')
  return _with_low_rank(model)


def _with_low_rank(model):
  for layer in model.layers[1:]:
    layer.enable_lora(4)
  return classifier(model.inputs, model.outputs)
