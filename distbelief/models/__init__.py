"""The networks that a config can name, as built Keras 3 models."""

from __future__ import annotations

from typing import Any

import ml_collections


def create(
  model: ml_collections.ConfigDict,
  input_shape: tuple[int, ...],
  num_classes: int,
  seed: int,
) -> Any:
  """Returns a built Keras model whose outputs are logits.

  Args:
    model: config.model.
    input_shape: Of one example.
    num_classes: Width of the output.
    seed: Of the initial weights.
  """
  from distbelief.models import acoustic  # Keras takes a second to import.

  (num_inputs,) = input_shape
  return acoustic.acoustic_dnn(num_inputs, model.hidden_units, num_classes, seed)
