"""Small Keras models of many kinds, and minibatches that fit them."""

import keras
import tensorflow as tf
from keras import layers

from tests import made

BATCH = 8


def _classifier(inputs, outputs):
  return made.compiled(keras.Model(inputs, outputs))


def convolution():
  image = keras.Input((8, 8, 2))
  x = layers.Conv2D(4, 3, activation='relu')(image)
  x = layers.MaxPooling2D()(x)
  return _classifier(image, layers.Dense(3)(layers.Flatten()(x)))


def depthwise():
  image = keras.Input((8, 8, 2))
  x = layers.SeparableConv2D(4, 3, padding='same')(image)
  x = layers.GlobalAveragePooling2D()(x)
  return _classifier(image, layers.Dense(3)(x))


def recurrent():
  sequence = keras.Input((5, 3))
  x = layers.LSTM(4, return_sequences=True)(sequence)
  return _classifier(sequence, layers.Dense(3)(layers.GRU(3)(x)))


def words():
  tokens = keras.Input((5,), dtype='int32')
  x = layers.Embedding(11, 4)(tokens)
  return _classifier(tokens, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def attention():
  sequence = keras.Input((5, 4))
  x = layers.LayerNormalization()(sequence + 0.0)
  x = layers.MultiHeadAttention(2, 2)(x, x)
  return _classifier(sequence, layers.Dense(3)(layers.Flatten()(x)))


def two_inputs():
  left, right = keras.Input((4,), name='left'), keras.Input((2, 3), name='right')
  x = layers.Concatenate()([layers.Dense(3)(left), layers.Flatten()(right)])
  return _classifier({'left': left, 'right': right}, layers.Dense(3)(x))


def dropout():
  inputs = keras.Input((6,))
  x = layers.Dropout(0.5)(layers.Dense(16, activation='relu')(inputs))
  x = layers.GaussianNoise(0.3)(x)
  return _classifier(inputs, layers.Dense(3)(x))


def batch_normalisation():
  inputs = keras.Input((6,))
  x = layers.Dense(5)(inputs)
  x = layers.BatchNormalization(momentum=0.8)(x)
  x = layers.Dropout(0.25)(layers.Activation('relu')(x))
  return _classifier(inputs, layers.Dense(3)(x))


def regularised():
  inputs = keras.Input((6,))
  x = layers.Dense(
    5, kernel_regularizer=keras.regularizers.L2(0.1), activity_regularizer='l1'
  )(inputs)
  return _classifier(inputs, layers.Dense(3)(x))


def frozen():
  inputs = keras.Input((6,))
  hidden = layers.Dense(5, activation='tanh', trainable=False)
  x = layers.BatchNormalization(trainable=False)(hidden(inputs))
  return _classifier(inputs, layers.Dense(3)(x))


def spectral():
  inputs = keras.Input((6,))
  x = layers.SpectralNormalization(layers.Dense(5))(inputs)
  return _classifier(inputs, layers.Dense(3)(x))


def regression():
  inputs = keras.Input((6,))
  hidden = layers.Dense(4, 'tanh')(inputs)
  model = keras.Model(inputs, layers.Dense(1)(hidden))
  model.compile('sgd', 'mse', metrics=['mae'], jit_compile=False)
  return model


def two_outputs():
  inputs = keras.Input((6,))
  x = layers.Dense(4, 'tanh')(inputs)
  outputs = {
    'kind': layers.Dense(3, name='kind')(x),
    'size': layers.Dense(1, name='size')(x),
  }
  model = keras.Model(inputs, outputs)
  model.compile(
    optimizer='sgd',
    loss={
      'kind': keras.losses.SparseCategoricalCrossentropy(from_logits=True),
      'size': 'mse',
    },
    loss_weights={'kind': 1.0, 'size': 0.5},
    metrics={'kind': ['accuracy']},
    jit_compile=False,
  )
  return model


@keras.saving.register_keras_serializable('distbelief_tests')
class Subclassed(keras.Model):
  """With a loss of its own, and a call that Keras does not tell of training."""

  def __init__(self, **more):
    super().__init__(**more)
    self.hidden, self.out = layers.Dense(4, 'tanh'), layers.Dense(3)
    self.dropout = layers.Dropout(0.5)  # So it never drops anything.

  def call(self, inputs):
    return self.out(self.dropout(self.hidden(inputs)))

  def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
    one_hot = tf.one_hot(y, 3)
    return tf.reduce_mean((y_pred - one_hot) ** 2) + 0.01 * tf.reduce_sum(
      self.out.kernel**2
    )


def subclassed():
  model = Subclassed()
  model(tf.zeros([1, 6]))
  model.compile('sgd', jit_compile=False)
  return model


def _vector(*shape, dtype=tf.float32):
  return tf.TensorSpec([None, *shape], dtype)


_LABELS = _vector(dtype=tf.int32)

# Each with the TensorSpecs of a minibatch.
ALL = {
  convolution: (_vector(8, 8, 2), _LABELS),
  depthwise: (_vector(8, 8, 2), _LABELS),
  recurrent: (_vector(5, 3), _LABELS),
  words: (_vector(5, dtype=tf.int32), _LABELS),
  attention: (_vector(5, 4), _LABELS),
  two_inputs: ({'left': _vector(4), 'right': _vector(2, 3)}, _LABELS),
  dropout: (_vector(6), _LABELS),
  batch_normalisation: (_vector(6), _LABELS),
  regularised: (_vector(6), _LABELS),
  frozen: (_vector(6), _LABELS),
  regression: (_vector(6), _vector()),
  two_outputs: (_vector(6), {'kind': _LABELS, 'size': _vector()}),
  subclassed: (_vector(6), _LABELS),
}


class Data:
  """Minibatch (replica, step) of random numbers of some form."""

  def __init__(self, spec):
    self._spec = spec

  def minibatch_spec(self, batch_size):
    return tf.nest.map_structure(
      lambda t: tf.TensorSpec([batch_size, *t.shape[1:]], t.dtype), self._spec
    )

  def minibatches(self, replica, num_replicas, start, batch_size, warmstart_steps=0):
    def minibatch(step):
      seed = tf.stack([tf.cast(replica, tf.int64), step])

      def draw(index, spec):
        own = tf.random.experimental.stateless_fold_in(seed, index)
        shape = [batch_size, *spec.shape[1:]]
        if spec.dtype.is_integer:
          return tf.random.stateless_uniform(shape, own, 0, 3, spec.dtype)
        return tf.random.stateless_normal(shape, own)

      flat = tf.nest.flatten(self._spec)
      return tf.nest.pack_sequence_as(self._spec, [draw(*d) for d in enumerate(flat)])

    return tf.data.Dataset.range(start, tf.int64.max).map(minibatch)
