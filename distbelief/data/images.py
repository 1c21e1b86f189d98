"""Labelled images of TensorFlow Datasets: the file of a data set declares its format.

Pixels are stored as bytes, and converted to numbers in 0..1 in the minibatch.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from distbelief.data import examples, prepared, source


class Format(NamedTuple):
  """The format of a data set of TensorFlow Datasets, and its address for download."""

  shape: tuple[int, int, int]  # Height x width x channels of an image.
  num_classes: int
  address: str
  train: str = 'train'  # Names of splits.
  holdout: str = 'test'
  one_size: bool = True  # Else images are cropped and resized to that shape.


class Images(examples.Examples):
  """One data set; read from the environment's TFDS_DATA_DIR."""

  def __init__(
    self, name: str, format_: Format, seed: int, shuffle_buffer: int = 0
  ) -> None:
    """Reads nothing yet.

    Args:
      name: Name in TensorFlow Datasets.
      format_: Format of the data set.
      seed: Seed of all orders, see the base class.
      shuffle_buffer: Size of the shuffle buffer, see the base class.
    """
    super().__init__(seed, shuffle_buffer)
    self.name, self._format = name, format_
    self.num_classes = format_.num_classes

  @property
  def spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """An image [height, width, channels] float32 in 0..1, and its class."""
    return tf.TensorSpec(self._format.shape), tf.TensorSpec([], tf.int32)

  def prepare(self) -> None:
    """Downloads and builds the data set unless it is there."""
    prepared.prepare(self.name, self._format.address)

  @property
  def num_examples(self) -> int:
    """Number of training examples."""
    return prepared.num_examples(self.name, self._format.train)

  def stored(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns pairs of image, uint8, and class; see the base class."""
    format_, more = self._format, {}
    if not format_.one_size:  # Decodes only images of this subset.
      import tensorflow_datasets as tfds

      more['decoders'] = {'image': tfds.decode.SkipDecoding()}
    dataset = prepared.load(
      self.name, format_.train if split == source.TRAIN else format_.holdout, **more
    )
    return dataset.shard(stride, first).map(self._pair)

  def _pair(self, example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    image = example['image']
    if not self._format.one_size:
      image = _square(tf.io.decode_image(image, 3, expand_animations=False))
      image = tf.image.resize(image, self._format.shape[:2], antialias=True)
      image = tf.cast(tf.round(image), tf.uint8)
    image = tf.ensure_shape(image, self._format.shape)
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
