"""ImageNet: 100x100 pixels as in Section 5, of the 1,000 classes that are public."""

from __future__ import annotations

import ml_collections

from distbelief.data.images import Format, Images

NAME = 'imagenet2012'
ORIGIN = 'TensorFlow Datasets'

_FORMAT = Format(
  (100, 100, 3),
  1000,
  'https://image-net.org',
  holdout='validation',
  one_size=False,
)


def create(data: ml_collections.ConfigDict, seed: int) -> Images:
  """Returns the source (distbelief.data)."""
  return Images(NAME, _FORMAT, seed, data.shuffle_buffer)
