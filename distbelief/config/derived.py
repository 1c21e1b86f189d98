"""Values that follow from a config: its algorithm, and what that derives from fields."""

from __future__ import annotations

import ml_collections

from distbelief.algorithms import catalog


def algorithm(config: ml_collections.ConfigDict) -> catalog.Algorithm:
  """Returns the algorithm that a config names.

  Raises:
    errors.ConfigError: If there is none of that name.
  """
  return catalog.get(config.algorithm)


def jobs(config: ml_collections.ConfigDict) -> dict[str, int]:
  """Returns how many tasks of each job a run on this machine has.

  The first task of the first job leads: it keeps the run's directory.
  """
  return algorithm(config).jobs(config, num_replicas(config))


def num_replicas(config: ml_collections.ConfigDict) -> int:
  """Returns how many replicas train."""
  return algorithm(config).num_replicas(config)


def step_unit(config: ml_collections.ConfigDict) -> catalog.StepUnit:
  """Returns the unit of which config.num_steps must be a multiple."""
  return algorithm(config).step_unit(config, num_replicas(config))


def learning_rate(config: ml_collections.ConfigDict) -> float:
  """Returns the rate of config.server's rule under config.algorithm."""
  return algorithm(config).learning_rate(config)


def warmstart_steps(config: ml_collections.ConfigDict) -> int:
  """Returns how many steps replica 0 does alone."""
  return algorithm(config).warmstart_steps(config)


def backup_workers(config: ml_collections.ConfigDict) -> int:
  """Returns how many replicas an update does without."""
  return algorithm(config).backup_workers(config)


def overlaps(config: ml_collections.ConfigDict) -> bool:
  """Returns whether fetches and pushes overlap the computation of the next step."""
  return algorithm(config).overlaps(config)
