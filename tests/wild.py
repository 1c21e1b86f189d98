"""Models and data as their users write them, small.

Each model is a function that returns a built model, each data set one of (split, seed):
as config.model.name and config.data.name take them.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

_NUM_WORDS, _LENGTH = 200, 24


def _drawn(seed, split):
  return np.random.default_rng([seed, split == 'holdout'])


def _count(split):
  return 600 if split == 'train' else 100


def images(split, seed):
  """Noisy drawings of 10 classes, [12, 12, 1]."""
  random, size = _drawn(seed, split), _count(split)
  labels = random.integers(0, 10, size)
  drawings = np.random.default_rng(5).normal(size=(10, 12, 12, 1))
  noisy = 0.7 * drawings[labels] + random.normal(size=(size, 12, 12, 1))
  return tf.data.Dataset.from_tensor_slices((noisy.astype(np.float32), labels))


def sentences(split, seed):
  """Words of which one tells the class, of 2; as many as fit, then zeros."""
  random, size = _drawn(seed, split), _count(split)
  labels = random.integers(0, 2, size)
  words = random.integers(4, _NUM_WORDS, (size, _LENGTH))
  lengths = random.integers(_LENGTH // 2, _LENGTH + 1, size)
  words[np.arange(size), random.integers(0, _LENGTH // 2, size)] = 1 + labels
  words[np.arange(_LENGTH) >= lengths[:, np.newaxis]] = 0
  return tf.data.Dataset.from_tensor_slices((words.astype(np.int32), labels))


def classifier(inputs, outputs):
  """Compiles a model of logits."""
  model = keras.Model(inputs, outputs)
  model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy'],
    jit_compile=False,
  )
  return model


def convnet():
  """Two convolutions, pooling and dropout."""
  inputs = keras.Input((12, 12, 1))
  x = layers.Conv2D(8, 3, activation='relu')(inputs)
  x = layers.Conv2D(16, 3, activation='relu')(layers.MaxPooling2D()(x))
  x = layers.Dropout(0.3)(layers.Flatten()(x))
  return classifier(inputs, layers.Dense(10)(x))


@keras.saving.register_keras_serializable('distbelief_tests')
class Places(layers.Layer):
  """An embedding of words, and of their places."""

  def __init__(self, width=16, **more):
    super().__init__(**more)
    self.words = layers.Embedding(_NUM_WORDS, width)
    self.places = layers.Embedding(_LENGTH, width)

  def call(self, words):
    return self.words(words) + self.places(keras.ops.arange(_LENGTH))


def transformer():
  """One block of attention, normalised."""
  words = keras.Input((_LENGTH,), dtype='int32')
  x = Places()(words)
  attended = layers.Dropout(0.1)(layers.MultiHeadAttention(2, 16)(x, x))
  x = layers.LayerNormalization(epsilon=1e-6)(x + attended)
  hidden = layers.Dense(16)(layers.Dense(16, activation='relu')(x))
  x = layers.LayerNormalization(epsilon=1e-6)(x + hidden)
  return classifier(words, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def bidirectional():
  """A recurrent network in both directions, with masks."""
  words = keras.Input((_LENGTH,), dtype='int32')
  x = layers.Embedding(_NUM_WORDS, 8, mask_zero=True)(words)
  return classifier(words, layers.Dense(2)(layers.Bidirectional(layers.LSTM(6))(x)))


def mixed_precision():
  """Convolutions in bfloat16; float32 in the end."""
  policy = keras.DTypePolicy('mixed_bfloat16')
  inputs = keras.Input((12, 12, 1))
  x = layers.Conv2D(8, 3, activation='relu', dtype=policy)(inputs)
  x = layers.Dense(16, activation='relu', dtype=policy)(layers.Flatten()(x))
  return classifier(inputs, layers.Dense(10, dtype='float32')(x))


def not_negative():
  """A network of which one layer may have no negative weight, wherever it is cut."""
  model = keras.Sequential(
    [
      keras.Input((20,)),
      layers.Dense(12, activation='sigmoid', kernel_constraint='non_neg'),
      layers.Dense(5),
    ]
  )
  return classifier(model.inputs, model.outputs)


def bounded_columns():
  """A network whose units have weights of a norm of at most 0.5, and of exactly 1."""
  inputs = keras.Input((20,))
  bounded = keras.constraints.MaxNorm(0.5)
  hidden = layers.Dense(12, activation='relu', kernel_constraint=bounded)(inputs)
  return classifier(inputs, layers.Dense(5, kernel_constraint='unit_norm')(hidden))


def float8():
  """A network that is quantised to eight bits while it trains."""
  inputs = keras.Input((20,))
  hidden = layers.Dense(32, activation='relu')(inputs)
  model = keras.Model(inputs, layers.Dense(5)(hidden))
  model.quantize('float8')
  return classifier(model.inputs, model.outputs)
