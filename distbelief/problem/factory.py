"""Creates the data and the objective of a config, the same under every clock."""

from __future__ import annotations

import ml_collections

from distbelief import data, models
from distbelief.algorithms import constraints
from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.models.objective import Objective


def make_source(config: ml_collections.ConfigDict) -> data.Source:
  """Returns the data that a config names; computes and reads nothing yet."""
  return data.create(config.data, config.seed)


def make_server_rule(
  config: ml_collections.ConfigDict, objective: Objective, sharding: Sharding
) -> ServerRule:
  """Returns the rule by which shards apply pushes to the objective's parameters.

  Raises:
    errors.ConfigError: If the sharding cuts what a constraint needs whole.
  """
  projections = constraints.by_shard(objective.constraints, sharding)
  return ServerRule.from_config(config, projections if any(projections) else ())


def make_objective(
  config: ml_collections.ConfigDict, source: data.Source, weights: str | None = None
) -> Objective:
  """Returns the objective that a config minimises: its model on its data.

  Args:
    config: Config of the run, checked.
    source: Data of the run.
    weights: File with weights that the model gets; None: it keeps its initial ones.

  Raises:
    errors.ConfigError: If the model cannot be created, or trained on these data.
  """
  return models.objective_of(
    config.model,
    source.minibatch_spec(config.data.batch_size),
    source.num_classes,
    config.seed,
    weights,
  )
