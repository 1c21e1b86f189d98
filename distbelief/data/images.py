"""Labelled images of TensorFlow Datasets: mnist, fashion_mnist, cifar10, imagenet2012.

Pixels are kept as bytes, and become numbers in 0..1 in the minibatch.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from distbelief.data import examples, prepared, source


class _Known(NamedTuple):
  shape: tuple[int, int, int]  # Of an image, height x width x channels.
  num_classes: int
  train: str  # Names of splits.
  holdout: str
  origin: str  # Where it is downloaded from.
  one_size: bool = True  # Else images are made to be of that shape.


_KNOWN = {
  'mnist': _Known(
    (28, 28, 1),
    10,
    'train',
    'test',
    'https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz',
  ),
  'fashion_mnist': _Known(
    (28, 28, 1),
    10,
    'train',
    'test',
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz',
  ),
  'cifar10': _Known(
    (32, 32, 3), 10, 'train', 'test', 'https://www.cs.toronto.edu/~kriz/cifar.html'
  ),
  # 100x100 pixels as in Section 5, of the 1,000 classes that are public.
  'imagenet2012': _Known(
    (100, 100, 3), 1000, 'train', 'validation', 'https://image-net.org', one_size=False
  ),
}

NAMES = tuple(_KNOWN)


class Images(examples.Examples):
  """One of these data sets; read from the environment's TFDS_DATA_DIR."""

  def __init__(self, name: str, seed: int, shuffle_buffer: int = 0) -> None:
    """Takes one of NAMES; for the rest see the base class."""
    super().__init__(seed, shuffle_buffer)
    self.name, self._known = name, _KNOWN[name]
    self.num_classes = self._known.num_classes

  @property
  def spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """An image [height, width, channels] float32 in 0..1, and its class."""
    return tf.TensorSpec(self._known.shape), tf.TensorSpec([], tf.int32)

  def prepare(self) -> None:
    """Downloads and builds the data set unless it is there."""
    prepared.prepare(self.name, self._known.origin)

  @property
  def num_examples(self) -> int:
    """How many there are to train on."""
    return prepared.num_examples(self.name, self._known.train)

  def stored(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns pairs of image, uint8, and class; see the base class."""
    known, more = self._known, {}
    if not known.one_size:  # Only images of this subset are to be decoded.
      import tensorflow_datasets as tfds

      more['decoders'] = {'image': tfds.decode.SkipDecoding()}
    dataset = prepared.load(
      self.name, known.train if split == source.TRAIN else known.holdout, **more
    )
    return dataset.shard(stride, first).map(self._pair)

  def _pair(self, example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    image = example['image']
    if not self._known.one_size:
      image = _square(tf.io.decode_image(image, 3, expand_animations=False))
      image = tf.image.resize(image, self._known.shape[:2], antialias=True)
      image = tf.cast(tf.round(image), tf.uint8)
    image = tf.ensure_shape(image, self._known.shape)
    return image, tf.cast(example['label'], tf.int32)

  def finish(self, stored: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns pixels in 0..1 and classes."""
    images, labels = stored
    return tf.cast(images, tf.float32) / 255, labels


def _square(image: tf.Tensor) -> tf.Tensor:
  """Returns the largest square in the middle of an image."""
  height, width = tf.shape(image)[0], tf.shape(image)[1]
  side = tf.minimum(height, width)
  top, left = (height - side) // 2, (width - side) // 2
  return image[top : top + side, left : left + side]
