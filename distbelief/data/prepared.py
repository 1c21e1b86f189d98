"""Downloads, builds and reads data sets of TensorFlow Datasets."""

from __future__ import annotations

import urllib.request
from typing import Any

import tensorflow as tf

from distbelief import errors


def prepare(name: str, origin: str) -> None:
  """Downloads and builds a data set unless it is in the environment's TFDS_DATA_DIR.

  Args:
    name: Name of the data set.
    origin: Address from which it is downloaded.

  Raises:
    errors.UserError: If it is missing and cannot be downloaded.
  """
  import tensorflow_datasets as tfds  # Slow to import, and most runs do without.

  try:
    builder = tfds.builder(name)
    if not builder.is_prepared():
      # Without a network, TensorFlow Datasets would retry for minutes.
      urllib.request.urlopen(origin, timeout=10).close()
      builder.download_and_prepare()
  except Exception as error:  # Of many kinds: network, disk, missing packages.
    reason = str(error).strip().partition('\n')[0]
    raise errors.UserError(
      f'config.data.name ({name!r}) is not in {tfds.core.constants.DATA_DIR} and cannot '
      f'be downloaded ({type(error).__name__}: {reason}): set TFDS_DATA_DIR to a folder '
      'that has it'
    ) from error


def num_examples(name: str, split: str) -> int:
  """Returns the number of examples of a split."""
  import tensorflow_datasets as tfds

  return tfds.builder(name).info.splits[split].num_examples


def load(name: str, split: str, **more: Any) -> tf.data.Dataset:
  """Returns a split that `prepare` has prepared, in a fixed order."""
  import tensorflow_datasets as tfds

  return tfds.load(name, split=split, download=False, shuffle_files=False, **more)
