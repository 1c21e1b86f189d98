"""TensorSpecs of examples and minibatches, for messages."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def shown(spec: Any) -> str:
  """Returns the form of nested TensorSpecs, e.g. '(float32[None, 20], int64[None])'.

  Other values are shown by their types.
  """

  def text(tensor: Any) -> str:
    if isinstance(tensor, tf.TensorSpec):
      return f'{tensor.dtype.name}{list(tensor.shape)}'
    return type(tensor).__name__

  return str(tf.nest.map_structure(text, spec)).replace("'", '')
