"""Networks that read words, waves and sounds."""

import keras
from keras import layers, ops

from tests.wild.compiling import classifier
from tests.wild.data import LENGTH, NUM_WORDS


def _words(length=LENGTH, **more):
  return keras.Input((length,), dtype='int32', **more)


@keras.saving.register_keras_serializable('distbelief_tests')
class Places(layers.Layer):
  """An embedding of words, and of their places."""

  def __init__(self, width=16, **more):
    super().__init__(**more)
    self.words = layers.Embedding(NUM_WORDS, width)
    self.places = layers.Embedding(LENGTH, width)

  def call(self, words):
    return self.words(words) + self.places(ops.arange(LENGTH))


def transformer():
  """One block of attention, normalised."""
  words = _words()
  x = Places()(words)
  attended = layers.Dropout(0.1)(layers.MultiHeadAttention(2, 16)(x, x))
  x = layers.LayerNormalization(epsilon=1e-6)(x + attended)
  hidden = layers.Dense(16)(layers.Dense(16, activation='relu')(x))
  x = layers.LayerNormalization(epsilon=1e-6)(x + hidden)
  return classifier(words, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


class Block(layers.Layer):
  """A block as many write it: Keras saves it, and cannot make it again."""

  def __init__(self, width, heads):
    super().__init__()
    self.attention = layers.MultiHeadAttention(heads, width)
    self.hidden = layers.Dense(width, activation='relu')
    self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

  def call(self, x):
    x = self.first(x + self.attention(x, x))
    return self.second(x + self.hidden(x))


def transformer_that_does_not_load():
  """The same with a block that is not registered and has no get_config."""
  words = _words()
  x = layers.GlobalAveragePooling1D()(Block(16, 2)(Places()(words)))
  return classifier(words, layers.Dense(2)(x))


def bidirectional_dropout():
  """A recurrent network in both directions, with masks and dropout between its steps."""
  words = _words()
  x = layers.Embedding(NUM_WORDS, 8, mask_zero=True)(words)
  lstm = layers.LSTM(6, dropout=0.1, recurrent_dropout=0.1)
  return classifier(words, layers.Dense(2)(layers.Bidirectional(lstm)(x)))


class Tagger(keras.Model):
  """Subclassed, with arguments that Keras cannot write."""

  def __init__(self, num_tags, make_layer):
    super().__init__()
    self.words = layers.Embedding(NUM_WORDS, 8)
    self.hidden = make_layer(16)
    self.out = layers.Dense(num_tags)

  def call(self, words):
    return self.out(self.hidden(self.words(words)))


def tagger():
  """A class for each word."""
  model = Tagger(3, lambda width: layers.Dense(width, activation='relu'))
  model(ops.zeros((1, LENGTH), 'int32'))
  model.compile(
    'adam',
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    weighted_metrics=['accuracy'],
    jit_compile=False,
  )
  return model


def wave_transformer():
  """Attention and convolutions over a series of numbers."""
  inputs = keras.Input((30, 1))
  x = layers.Conv1D(8, 5, strides=2, activation='relu')(inputs)
  x = x + layers.MultiHeadAttention(2, 8, dropout=0.1)(
    *2 * (layers.LayerNormalization()(x),)
  )
  x = layers.GlobalAveragePooling1D(data_format='channels_first')(x)
  return classifier(inputs, layers.Dense(2)(x))


def tickets():
  """Three inputs, two outputs, one recurrent layer for both texts, weights of losses."""
  title, body = _words(6, name='title'), _words(10, name='body')
  tags = keras.Input((5,), name='tags')
  embedding, reading = layers.Embedding(50, 8), layers.GRU(8)
  texts = [reading(embedding(text)) for text in (title, body)]
  x = layers.concatenate([*texts, tags])
  priority = layers.Dense(1, activation='sigmoid', name='priority')(x)
  department = layers.Dense(4, name='department')(x)
  model = keras.Model(
    {'title': title, 'body': body, 'tags': tags},
    {'priority': priority, 'department': department},
  )
  model.compile(
    'rmsprop',
    loss={
      'priority': 'binary_crossentropy',
      'department': keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    },
    loss_weights={'priority': 1.0, 'department': 0.5},
    metrics={'department': ['accuracy']},
    weighted_metrics={'priority': ['binary_accuracy']},
    jit_compile=False,
  )
  return model


def speech():
  """Frames to letters: convolutions, batch normalisation, a recurrent net, and CTC."""
  inputs = keras.Input((15, 6))
  x = layers.Conv1D(16, 3, padding='same', use_bias=False)(inputs)
  x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))
  x = layers.Bidirectional(layers.GRU(8, return_sequences=True))(x)
  model = keras.Model(inputs, layers.Dense(5)(x))
  model.compile('adam', keras.losses.CTC(), jit_compile=False)
  return model
