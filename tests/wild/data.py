"""Data sets that are easy to learn: 600 examples to train on, 200 held out."""

import numpy as np
import tensorflow as tf

NUM_WORDS, LENGTH = 200, 24
SIZE = 12  # Height and width of an image.


def _drawn(seed, split):
  return np.random.default_rng([seed, split == 'holdout'])


def _count(split):
  return 600 if split == 'train' else 200


def _dataset(*parts):
  return tf.data.Dataset.from_tensor_slices(parts)


# Images.


def _noisy_drawings(random, labels, channels=1):
  shape = [SIZE, SIZE, channels]
  drawings = np.random.default_rng(5).normal(size=[10, *shape])
  noise = random.normal(size=[len(labels), *shape])
  return (0.7 * drawings[labels] + noise).astype(np.float32)


def images(split, seed):
  """Noisy drawings of 10 classes, [12, 12, 1]."""
  random = _drawn(seed, split)
  labels = random.integers(0, 10, _count(split))
  return _dataset(_noisy_drawings(random, labels), labels)


def one_hot_images(split, seed):
  """The same, with a label as a vector."""
  return images(split, seed).map(lambda image, label: (image, tf.one_hot(label, 10)))


def bytes_of_images(split, seed):
  """The same as bytes, in colour."""

  def to_bytes(image, label):
    return tf.cast(tf.repeat(40 * image + 128, 3, axis=-1), tf.uint8), label

  return images(split, seed).map(to_bytes)


def images_of_themselves(split, seed):
  """Images as inputs and labels, in float64."""

  def both(image, unused_label):
    image = tf.sigmoid(tf.cast(image, tf.float64))
    return image, image

  return images(split, seed).map(both)


def images_without_labels(split, seed):
  """With a label that no loss looks at."""
  return images(split, seed).map(lambda image, unused: (tf.sigmoid(image), 0.0))


def pairs(split, seed):
  """Two images, and whether they show the same."""
  random, count = _drawn(seed, split), _count(split)
  left = random.integers(0, 4, count)
  same = random.integers(0, 2, count)
  right = np.where(same, left, (left + random.integers(1, 4, count)) % 4)
  both = [_noisy_drawings(random, labels) for labels in (left, right)]
  return _dataset(tuple(both), same.astype(np.float32)[:, np.newaxis])


def clouds(split, seed):
  """Points of a sphere, a cube or a line, [24, 3]."""
  random, count = _drawn(seed, split), _count(split)
  labels = random.integers(0, 3, count)
  points = random.uniform(-1, 1, size=[count, 24, 3])
  sphere = points / np.linalg.norm(points, axis=-1, keepdims=True)
  line = points[..., :1] * random.uniform(-1, 1, size=[count, 1, 3])
  chosen = np.stack([sphere, points, line])[labels, np.arange(count)]
  return _dataset(chosen.astype(np.float32), labels)


# Words and other sequences.


def sentences(split, seed):
  """Words of which one tells the class, of 2; as many as fit, then zeros."""
  random, size = _drawn(seed, split), _count(split)
  labels = random.integers(0, 2, size)
  words = random.integers(4, NUM_WORDS, (size, LENGTH))
  lengths = random.integers(LENGTH // 2, LENGTH + 1, size)
  words[np.arange(size), random.integers(0, LENGTH // 2, size)] = 1 + labels
  words[np.arange(LENGTH) >= lengths[:, np.newaxis]] = 0
  return _dataset(words.astype(np.int32), labels)


def tagged_sentences(split, seed):
  """A class for every word, of 3, and the weight 0 where there is none."""

  def tagged(words, unused_label):
    return words, words % 3, tf.cast(words > 0, tf.float32)

  return sentences(split, seed).map(tagged)


def series(split, seed):
  """Waves of two frequencies, [30, 1] in float64."""
  random, count = _drawn(seed, split), _count(split)
  labels = random.integers(0, 2, count)
  phase = random.uniform(0, 6, [count, 1])
  wave = np.sin(np.arange(30) * (0.3 + 0.4 * labels[:, np.newaxis]) + phase)
  waves = wave + 0.3 * random.normal(size=wave.shape)
  return _dataset(waves[..., np.newaxis], labels.astype(np.int64))


def spoken(split, seed):
  """Frames that spell three letters of four, [15, 6], and the letters."""
  random, count = _drawn(seed, split), _count(split)
  letters = random.integers(1, 5, [count, 3])
  sounds = np.random.default_rng(6).normal(size=[5, 6])
  frames = sounds[np.repeat(letters, 5, axis=1)]
  frames = frames + 0.3 * random.normal(size=frames.shape)
  return _dataset(frames.astype(np.float32), letters.astype(np.int32))


def tickets(split, seed):
  """Two texts and tags; a priority and a department, with a weight of each."""
  random, count = _drawn(seed, split), _count(split)
  department = random.integers(0, 4, count)
  title = random.integers(5, 50, [count, 6])
  title[:, 2] = 1 + department
  body = random.integers(5, 50, [count, 10])
  tags = random.integers(0, 2, [count, 5]).astype(np.float32)
  priority = (tags[:, :2].sum(axis=1) > 0).astype(np.float32)[:, np.newaxis]
  weights = {
    'priority': random.uniform(0.5, 1.5, count).astype(np.float32),
    'department': np.ones(count, np.float32),
  }
  inputs = {'title': title, 'body': body, 'tags': tags}
  return _dataset(inputs, {'priority': priority, 'department': department}, weights)


# Tables.


def points(split, seed):
  """Four clouds of points, [20]."""
  random, count = _drawn(seed, split), _count(split)
  centres = np.random.default_rng(0).normal(size=[4, 20])
  labels = random.integers(0, 4, count)
  inputs = centres[labels] + random.normal(size=[count, 20])
  return _dataset(inputs.astype(np.float32), labels)


def patients(split, seed):
  """Named features: two numbers and a word; the label has an axis of its own."""
  random, count = _drawn(seed, split), _count(split)
  age, pressure = random.uniform(20, 80, count), random.normal(120, 15, count)
  kinds = random.integers(0, 3, count)
  risk = (age - 50) / 10 + (pressure - 120) / 15 + 2.0 * (kinds == 2)
  inputs = {
    'age': age[:, np.newaxis],
    'pressure': pressure[:, np.newaxis],
    'kind': np.array(['typical', 'atypical', 'none'])[kinds][:, np.newaxis],
  }
  return _dataset(inputs, (risk > 0.5).astype(np.int64)[:, np.newaxis])


def frauds(split, seed):
  """One of ten is of class 1, and weighs more."""
  random, count = _drawn(seed, split), _count(split)
  labels = (random.uniform(size=count) < 0.1).astype(np.float32)
  inputs = random.normal(size=[count, 20]) + 1.2 * labels[:, np.newaxis]
  weights = np.where(labels, 5.0, 0.5).astype(np.float32)
  return _dataset(inputs.astype(np.float32), labels[:, np.newaxis], weights)


def ratings(split, seed):
  """A user and a film, and the rating between 0 and 1."""
  random, count = _drawn(seed, split), _count(split)
  tastes = np.random.default_rng(7).normal(size=[2, 30, 3])
  rated = random.integers(0, 30, [count, 2])
  found = (tastes[0, rated[:, 0]] * tastes[1, rated[:, 1]]).sum(axis=1)
  return _dataset(rated, (1 / (1 + np.exp(-found))).astype(np.float32)[:, np.newaxis])


def labelled_twice(split, seed):
  """The label among the inputs, for a model that makes its loss itself."""

  def as_inputs(inputs, label):
    return {'inputs': inputs, 'targets': label}, label

  return points(split, seed).map(as_inputs)


def letters(split, seed):
  """One of two words."""
  random = _drawn(seed, split)
  labels = random.integers(0, 2, _count(split))
  return _dataset(np.array(['a', 'b'])[labels], labels)
