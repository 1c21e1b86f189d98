"""CIFAR-10: 50,000 photographs to train on, 10,000 held out."""

from __future__ import annotations

import ml_collections

from distbelief.data.images import Format, Images

NAME = 'cifar10'
ORIGIN = 'TensorFlow Datasets'

_FORMAT = Format((32, 32, 3), 10, 'https://www.cs.toronto.edu/~kriz/cifar.html')


def create(data: ml_collections.ConfigDict, seed: int) -> Images:
  """Returns the source (distbelief.data)."""
  return Images(NAME, _FORMAT, seed, data.shuffle_buffer)
