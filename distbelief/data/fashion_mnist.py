"""Fashion-MNIST: 60,000 pieces of clothing to train on, 10,000 held out."""

from __future__ import annotations

import ml_collections

from distbelief.data.images import Format, Images

NAME = 'fashion_mnist'
ORIGIN = 'TensorFlow Datasets'

_FORMAT = Format(
  (28, 28, 1),
  10,
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz',
)


def create(data: ml_collections.ConfigDict, seed: int) -> Images:
  """Returns the source (distbelief.data)."""
  return Images(NAME, _FORMAT, seed, data.shuffle_buffer)
