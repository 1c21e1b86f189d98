"""The networks that a config can name, as objectives.

To add one, add a file that declares NAME and ORIGIN (declarations/built_in.py), with
functions `create(model, spec, num_classes, seed)`, which returns the Keras model for a
minibatch of TensorSpecs `spec`, and `loss()`.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_collections

from distbelief.declarations import built_in


@functools.cache
def built_ins() -> dict[str, built_in.BuiltIn]:
  """Returns the networks that a config can name, by name."""
  return built_in.find(__name__, __path__)


def objective_of(
  model: ml_collections.ConfigDict,
  spec: Any,
  num_classes: int | None,
  seed: int,
  weights: str | None = None,
) -> Any:
  """Returns the Objective of the model that a config names.

  Args:
    model: config.model.
    spec: TensorSpecs of a minibatch, (inputs, labels) or (inputs, labels, weights).
    num_classes: Number of classes, if labels are class indices.
    seed: Seed of the initial weights.
    weights: File with other weights for the model; None: it keeps its initial ones.

  Raises:
    errors.ConfigError: If the model cannot be created, or trained on such data.
  """
  from distbelief.models import creation  # Keras takes a second to import.

  return creation.objective_of(model, spec, num_classes, seed, weights)
