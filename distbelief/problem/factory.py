"""Creates the data and the objective of a config, the same under every clock."""

from __future__ import annotations

import ml_collections

from distbelief import data, models
from distbelief.models.objective import Objective


def make_source(config: ml_collections.ConfigDict) -> data.Source:
  """Returns the data that a config names; computes and reads nothing yet."""
  return data.create(config.data, config.seed)


def make_objective(config: ml_collections.ConfigDict, source: data.Source) -> Objective:
  """Returns the objective that a config minimises: its model on its data.

  Raises:
    errors.ConfigError: If the model cannot be created, or trained on these data.
  """
  return models.objective_of(
    config.model,
    source.minibatch_spec(config.data.batch_size),
    source.num_classes,
    config.seed,
  )
