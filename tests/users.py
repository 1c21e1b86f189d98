"""What users may hand over: models and data, good and bad."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.made import compiled

CLASSES, WIDTH = 4, 20


def network():
  """With dropout and batch normalisation.

  No bias before the latter: its gradient is 0 but for rounding, of which Adagrad without
  an epsilon makes whole steps.
  """
  model = keras.Sequential(
    [
      keras.Input((WIDTH,)),
      layers.Dense(16, use_bias=False),
      layers.BatchNormalization(momentum=0.9),
      layers.ReLU(),
      layers.Dropout(0.2),
      layers.Dense(CLASSES),
    ]
  )
  model.compile(
    optimizer='sgd',
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy'],
  )
  return model


def examples(split, seed):
  """Four clouds of points, 1,500 to train on and 500 held out."""
  centres = np.random.default_rng(0).normal(size=[CLASSES, WIDTH])
  rng = np.random.default_rng([seed, split == 'train'])
  labels = rng.integers(0, CLASSES, 1500 if split == 'train' else 500)
  inputs = centres[labels] + 1.5 * rng.normal(size=[len(labels), WIDTH])
  return tf.data.Dataset.from_tensor_slices((3 * inputs.astype('float32') + 5, labels))


def poisoned(split, seed):
  """A few to train on are no numbers."""
  found = examples(split, seed)
  if split != 'train':
    return found
  return found.enumerate().map(
    lambda i, pair: (tf.where(i % 300 == 299, float('nan'), pair[0]), pair[1])
  )


def uncompiled():
  return keras.Sequential([keras.Input((WIDTH,)), layers.Dense(CLASSES)])


def regression():
  model = keras.Sequential([keras.Input((WIDTH,)), layers.Dense(1)])
  model.compile('sgd', 'mse', metrics=['mae'])
  return model


def sums(split, seed):
  """The label is a weighted sum of the inputs."""
  rng = np.random.default_rng([seed, split == 'train'])
  inputs = rng.normal(size=[1000, WIDTH]).astype('float32')
  labels = inputs @ np.linspace(-1, 1, WIDTH).astype('float32')
  return tf.data.Dataset.from_tensor_slices((inputs, labels))


class Subclassed(keras.Model):
  def __init__(self):
    super().__init__()
    self.out = layers.Dense(CLASSES)

  def call(self, inputs):
    return self.out(inputs)


def subclassed():
  model = Subclassed()
  model(tf.zeros([1, WIDTH]))
  return compiled(model)


def vector_metric():
  class PerClass(keras.metrics.Metric):
    def __init__(self):
      super().__init__(name='per_class')
      self.counts = self.add_weight(shape=(CLASSES,), initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
      chosen = tf.one_hot(tf.argmax(y_pred, -1), CLASSES)
      self.counts.assign(self.counts + tf.reduce_sum(chosen, 0))

    def result(self):
      return self.counts

  return compiled(uncompiled(), [PerClass()])


def ignores():
  model = uncompiled()
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3)
  model.compile('sgd', loss)
  return model


def seeded_order(split, seed):
  made = examples(split, seed)
  return made.shuffle(2000, seed=seed + 1, reshuffle_each_iteration=False)


MISSING_FILE = '/no/such/folder/part-7.csv'


def opens_a_missing_file(split, seed):
  """One of the examples to train on is in a file that is not there; not of the first."""

  def opened(index, pair):
    inputs, label = pair
    length = tf.cond(
      index == 1400, lambda: tf.strings.length(tf.io.read_file(MISSING_FILE)), lambda: 0
    )
    return inputs + tf.cast(0 * length, tf.float32), label

  found = examples(split, seed)
  return found if split != 'train' else found.enumerate().map(opened)


# Models that cannot be saved, or not loaded.


class Scale(layers.Layer):
  """Has an argument that Keras cannot write."""

  def __init__(self, factor):
    super().__init__()
    self.factor = factor

  def call(self, inputs):
    return self.factor(inputs)


def not_saved():
  layer = Scale(lambda x: 2 * x)
  return compiled(keras.Sequential([keras.Input((WIDTH,)), layer, layers.Dense(4)]))


class Twice(layers.Layer):
  """Is not registered, and takes none of the arguments that Keras gives back."""

  def __init__(self, factor=2.0):
    super().__init__()
    self.factor = factor

  def call(self, inputs):
    return self.factor * inputs


def not_loaded():
  layers_of = [keras.Input((WIDTH,)), Twice(), layers.Dense(4)]
  return compiled(keras.Sequential(layers_of))


# Bad models.


def eager_metric():
  def count(y_true, y_pred):
    return float(y_pred.numpy().sum())

  return compiled(uncompiled(), [count])


def no_gradient():
  model = uncompiled()

  def rounded(y_true, y_pred):
    return tf.cast(tf.argmax(y_pred, -1), tf.float32)

  model.compile('sgd', rounded, jit_compile=False)
  return model


def fails():
  raise ZeroDivisionError('the dog ate it\nand more')


def no_model():
  return [layers.Dense(3)]


def not_built():
  return keras.Sequential([layers.Dense(3)])


def categorical():
  model = uncompiled()
  model.compile('sgd', keras.losses.CategoricalCrossentropy(), jit_compile=False)
  return model


class BuiltOnly(keras.Model):
  """Makes its layers' weights at its first call."""

  def __init__(self):
    super().__init__()
    self.out, self.dropout = layers.Dense(CLASSES), layers.Dropout(0.1)

  def call(self, inputs):
    return self.out(self.dropout(inputs))

  def build(self, unused_shape):
    self.built = True


def built_only():
  model = BuiltOnly()
  model.build((None, WIDTH))
  return compiled(model)


def nothing_to_train():
  model = uncompiled()
  model.trainable = False
  return model


class OwnStep(keras.Sequential):
  def train_step(self, data):
    return super().train_step(data)


def own_train_step():
  return OwnStep([keras.Input((WIDTH,)), layers.Dense(CLASSES)])


def double():
  return keras.Sequential([keras.Input((WIDTH,)), layers.Dense(CLASSES, dtype='float64')])


def stateful():
  inputs = keras.Input(batch_shape=(64, WIDTH))
  x = layers.LSTM(3, stateful=True)(layers.Reshape((WIDTH, 1))(inputs))
  return keras.Model(inputs, layers.Dense(CLASSES)(x))


def wrong_width():
  return keras.Sequential([keras.Input((WIDTH + 1,)), layers.Dense(CLASSES)])


def too_few_outputs():
  return keras.Sequential([keras.Input((WIDTH,)), layers.Dense(CLASSES - 1)])


def assigns_parameters():
  dense = layers.SpectralNormalization(layers.Dense(CLASSES))
  return keras.Sequential([keras.Input((WIDTH,)), dense])


def holds_a_variable():
  hidden = tf.Variable(1.0)  # Keras does not see it.
  scaled = layers.Lambda(lambda x: x * hidden)
  return keras.Sequential([keras.Input((WIDTH,)), scaled, layers.Dense(CLASSES)])


def _noisy(noise):
  noisy = layers.Lambda(lambda x: x + noise(tf.shape(x)))
  return keras.Sequential([keras.Input((WIDTH,)), noisy, layers.Dense(CLASSES)])


def random_of_tensorflow():
  return _noisy(tf.random.normal)


def random_of_keras():
  return _noisy(lambda unused_shape: keras.random.normal([WIDTH]))


def calls_python():
  call = layers.Lambda(
    lambda x: tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float32), x.shape),
    output_shape=(WIDTH,),
  )
  return keras.Sequential([keras.Input((WIDTH,)), call, layers.Dense(CLASSES)])


# Bad data.


def no_dataset(split, seed):
  return np.zeros([10, WIDTH])


def broken(split, seed):
  raise FileNotFoundError('no such file: /data/train.tfrecord')


def takes_nothing():
  return None


def without_labels(split, seed):
  return examples(split, seed).map(lambda x, y: x)


def batched(split, seed):
  return examples(split, seed).batch(16)


def ragged_shapes(split, seed):
  some = examples(split, seed).map(lambda x, y: (x[: tf.cast(y, tf.int32) + 5], y))
  return some


def sparse(split, seed):
  return examples(split, seed).map(lambda x, y: (tf.sparse.from_dense(x), y))


def labels_of_words(split, seed):
  return examples(split, seed).map(lambda x, y: (x, tf.strings.as_string(y)))


def adapts_inside(split, seed):
  words = layers.TextVectorization(output_sequence_length=WIDTH)
  words.adapt(tf.data.Dataset.from_tensor_slices(['a b', 'c']).batch(2))
  spoken = tf.data.Dataset.from_tensor_slices((['a b', 'c'] * 200, [0, 1] * 200))
  return spoken.map(lambda x, y: (tf.cast(words(x), tf.float32), y))


def one_hot(split, seed):
  return examples(split, seed).map(lambda x, y: (x, tf.one_hot(y, CLASSES)))


def endless(split, seed):
  return examples(split, seed).repeat()


def empty_holdout(split, seed):
  return examples(split, seed).take(0 if split == 'holdout' else 1000)


def tiny(split, seed):
  return examples(split, seed).take(3)


def other_holdout(split, seed):
  made = examples(split, seed)
  return made if split == 'train' else made.map(lambda x, y: (x[:3], y))


def bad_label(split, seed):
  made = examples(split, seed).enumerate()
  return made.map(lambda i, xy: (xy[0], tf.where(i == 900, 77, tf.cast(xy[1], tf.int32))))


def shuffled(split, seed):
  return examples(split, seed).shuffle(2000)


def random_of_numpy(split, seed):
  noise = np.random.normal(size=[WIDTH]).astype(np.float32)
  return examples(split, seed).map(lambda x, y: (x + noise, y))


def random_in_holdout(split, seed):
  return random_of_numpy(split, seed) if split == 'holdout' else examples(split, seed)


def random_in_order(split, seed):
  return examples(split, seed).map(lambda x, y: (x + tf.random.normal([WIDTH]), y))


def augmented(split, seed):
  """Examples with noise, each its own: a function of the seed and of its number."""

  def noisy(number, example):
    x, y = example
    return x + 0.1 * tf.random.stateless_normal([WIDTH], [seed, number]), y

  return examples(split, seed).enumerate().map(noisy)


def not_numbers(split, seed):
  return examples(split, seed).map(lambda x, y: (x * float('nan'), y))


def words(split, seed):
  return examples(split, seed).map(lambda x, y: (tf.strings.as_string(x), y))


def generator(split, seed):
  def make():
    for _ in range(500):
      yield np.zeros([WIDTH], np.float32), 1

  return tf.data.Dataset.from_generator(
    make, output_signature=(tf.TensorSpec([WIDTH]), tf.TensorSpec([], tf.int64))
  )


def eager_only(split, seed):
  return tf.data.Dataset.from_tensor_slices(
    (np.zeros([500, WIDTH], np.float32), np.arange(500) % int(tf.constant(4)))
  ).take(int(tf.constant(500)))
