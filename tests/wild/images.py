"""Networks that look at images, or at clouds of points."""

import keras
import numpy as np
from keras import layers, ops

from tests.wild.compiling import StochasticDepth, classifier
from tests.wild.data import SIZE


def _input(channels=1):
  return keras.Input((SIZE, SIZE, channels))


def convnet():
  """Two convolutions, pooling and dropout."""
  inputs = _input()
  x = layers.Conv2D(8, 3, activation='relu')(inputs)
  x = layers.Conv2D(16, 3, activation='relu')(layers.MaxPooling2D()(x))
  x = layers.Dropout(0.3)(layers.Flatten()(x))
  return classifier(inputs, layers.Dense(10)(x))


def convnet_of_one_hot():
  """The same with a softmax, for labels that are vectors."""
  logits = convnet()
  model = keras.Model(logits.inputs, layers.Softmax()(logits.outputs[0]))
  model.compile(
    'adam', 'categorical_crossentropy', metrics=['accuracy'], jit_compile=False
  )
  return model


def _separable(x, filters):
  x = layers.SeparableConv2D(filters, 3, padding='same', use_bias=False)(x)
  return layers.BatchNormalization(momentum=0.8)(x)


def residual():
  """Separable convolutions with batch normalisation, around which the input goes."""
  inputs = _input()
  before = x = layers.Conv2D(8, 3, padding='same', strides=2)(inputs)
  x = layers.ReLU()(_separable(x, 8))
  x = layers.add([_separable(x, 8), before])
  return classifier(inputs, layers.Dense(10)(layers.Flatten()(x)))


def compact_transformer():
  """Patches by a convolution, attention, and branches that are left out at random."""
  inputs = _input()
  x = layers.Conv2D(16, 4, strides=4)(inputs)
  x = layers.Reshape((9, 16))(x)
  for _ in range(2):
    attended = layers.MultiHeadAttention(2, 8)(*2 * (layers.LayerNormalization()(x),))
    x = x + StochasticDepth(0.1)(attended)
    hidden = layers.Dense(32, activation='gelu')(layers.LayerNormalization()(x))
    x = x + StochasticDepth(0.1)(layers.Dense(16)(hidden))
  return classifier(inputs, layers.Dense(10)(layers.Flatten()(x)))


def augmenting():
  """Layers that change images at random, normalisation by groups, and noise."""
  inputs = _input()
  x = inputs
  for changes in (
    layers.RandomFlip('horizontal'),
    layers.RandomRotation(0.02),
    layers.RandomZoom(0.05),
    layers.RandomTranslation(0.05, 0.05),
    layers.RandomContrast(0.1),
  ):
    x = changes(x)
  x = layers.Conv2D(8, 3)(x)
  x = layers.ReLU()(layers.GroupNormalization(2)(x))
  x = layers.GaussianNoise(0.1)(layers.Flatten()(x))
  return classifier(inputs, layers.Dense(10)(x))


def frozen_base():
  """Frozen convolutions and batch normalisation below a layer that learns."""
  base = keras.Sequential(
    [
      keras.Input((16, 16, 3)),
      layers.Conv2D(32, 3, strides=2),
      layers.BatchNormalization(),
      layers.ReLU(),
      layers.Conv2D(32, 3),
      layers.ReLU(),
    ]
  )
  base.trainable = False
  inputs = _input(3)
  x = layers.Rescaling(1 / 40, offset=-3.2)(layers.RandomFlip('horizontal')(inputs))
  x = layers.Flatten()(base(layers.Resizing(16, 16)(x), training=False))
  return classifier(inputs, layers.Dense(10)(x))


def mixed_bfloat16():
  """Convolutions in bfloat16; float32 in the end."""
  return _mixed('mixed_bfloat16')


def mixed_float16():
  """The same in float16."""
  return _mixed('mixed_float16')


def _mixed(name):
  policy = keras.DTypePolicy(name)
  inputs = _input()
  x = layers.Conv2D(8, 3, activation='relu', dtype=policy)(inputs)
  x = layers.Dense(16, activation='relu', dtype=policy)(layers.Flatten()(x))
  return classifier(inputs, layers.Dense(10, dtype='float32')(x))


def _contrastive(y_true, distance):
  near, far = y_true * distance**2, (1 - y_true) * ops.maximum(1 - distance, 0) ** 2
  return ops.mean(near + far)


def siamese():
  """One tower for two images, a Lambda between them, and a loss of its own."""
  tower = keras.Sequential(
    [
      _input(),
      layers.BatchNormalization(momentum=0.8),
      layers.Conv2D(8, 3, activation='tanh'),
      layers.Flatten(),
      layers.Dense(8, activation='tanh'),
    ]
  )
  left, right = _input(), _input()

  def distance(both):
    return ops.sqrt(ops.sum((both[0] - both[1]) ** 2, axis=1, keepdims=True) + 1e-6)

  outputs = layers.Lambda(distance)([tower(left), tower(right)])
  model = keras.Model([left, right], outputs)
  model.compile('adam', _contrastive, jit_compile=False)
  return model


class Orthogonal(keras.regularizers.Regularizer):
  """Asks for a rotation; Keras cannot save it: it has no get_config."""

  def __init__(self, width):
    self.identity = np.eye(width, dtype=np.float32)

  def __call__(self, matrix):
    matrix = ops.reshape(matrix, (-1, *self.identity.shape))
    product = ops.matmul(matrix, ops.transpose(matrix, (0, 2, 1)))
    return 0.001 * ops.sum((product - self.identity) ** 2)


def point_network():
  """A network of points that learns to turn them first."""
  inputs = keras.Input((24, 3))
  turned = layers.GlobalMaxPooling1D()(layers.Conv1D(8, 1, activation='relu')(inputs))
  turned = layers.Dense(
    9,
    kernel_initializer='zeros',
    bias_initializer=keras.initializers.Constant(np.eye(3).ravel().tolist()),
    activity_regularizer=Orthogonal(3),
  )(turned)
  x = layers.Dot(axes=(2, 1))([inputs, layers.Reshape((3, 3))(turned)])
  x = layers.Conv1D(16, 1, use_bias=False)(x)
  x = layers.ReLU()(layers.BatchNormalization(momentum=0.0)(x))
  return classifier(inputs, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))
