"""The networks that a config can name, as what is minimised."""

from __future__ import annotations

from typing import Any

import ml_collections


def objective_of(
  model: ml_collections.ConfigDict,
  spec: Any,
  num_classes: int | None,
  seed: int,
) -> Any:
  """Returns the Objective of the model that a config names.

  Args:
    model: config.model.
    spec: TensorSpecs of a minibatch, (inputs, labels) or (inputs, labels, weights).
    num_classes: Of the labels, if they are class indices.
    seed: Of the initial weights.

  Raises:
    errors.ConfigError: If the model cannot be made, or not be trained on such data.
  """
  from distbelief.models import creation  # Keras takes a second to import.

  return creation.objective_of(model, spec, num_classes, seed)
