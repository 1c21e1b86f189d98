"""Data sets of TensorFlow Datasets: where they are, and how they get there."""

from __future__ import annotations

import urllib.request
from typing import Any

import tensorflow as tf

from distbelief import errors


def prepare(name: str, origin: str) -> None:
  """Downloads and builds a data set unless it is in the environment's TFDS_DATA_DIR.

  Args:
    name: Of the data set.
    origin: An address that it is downloaded from.

  Raises:
    errors.UserError: If it is not there and cannot be brought there.
  """
  import tensorflow_datasets as tfds  # Slow, and most runs do without.

  try:
    builder = tfds.builder(name)
    if not builder.is_prepared():
      # Without a network, TensorFlow Datasets would go on trying for minutes.
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
  """Returns how many examples a split has."""
  import tensorflow_datasets as tfds

  return tfds.builder(name).info.splits[split].num_examples


def load(name: str, split: str, **more: Any) -> tf.data.Dataset:
  """Returns a split that `prepare` has prepared, in an order that is always the same."""
  import tensorflow_datasets as tfds

  return tfds.load(name, split=split, download=False, shuffle_files=False, **more)
