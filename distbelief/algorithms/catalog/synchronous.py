"""Synchronous SGD: all replicas add their gradients up for every update, and wait for it.

Its update is algorithms/synchronous.py.
"""

from __future__ import annotations

import ml_collections

from distbelief import errors
from distbelief.algorithms import definition, staleness, traffic
from distbelief.algorithms.catalog import Algorithm, Labels, StepUnit
from distbelief.declarations.config_field import Field, at_least, more_than_0

_FIELDS = (
  Field(
    'synchronous.learning_rate',
    float,
    "The rate under algorithm synchronous (none: the server's).",
    more_than_0(),
  ),
  Field(
    'synchronous.backup_workers',
    0,
    'Backup replicas: an update takes the first gradients to arrive, and does without '
    'so many (Chen et al. 2016); virtual clock only.',
    at_least(0, 'replicas'),
  ),
)


def _check(config: ml_collections.ConfigDict, clock: str) -> None:
  backups, replicas = config.synchronous.backup_workers, definition.num_replicas(config)
  if backups >= replicas:
    raise errors.ConfigError(
      'config.synchronous.backup_workers',
      backups,
      f'must be less than the {replicas} replicas, backups among them',
    )
  if clock == 'cluster' and backups:
    raise errors.ConfigError(
      'config.synchronous.backup_workers',
      backups,
      'is for the virtual clock: an all-reduce waits for all; set --clock=virtual, or 0',
    )


def _step_unit(config: ml_collections.ConfigDict, num_replicas: int) -> StepUnit:
  needed = num_replicas - config.synchronous.backup_workers
  return StepUnit(
    needed, f'the {needed} replicas, each of which has a minibatch in every update'
  )


ALGORITHM = Algorithm(
  name='synchronous',
  summary='all wait for all',
  labels=Labels(
    title='synchronous: all wait for the slowest (dashed: the barrier)',
    push='all-reduce',
    updates='updates',
    update_row="replica 0's (all make the same)",
    update_tick='update',
    leader='worker 0',
  ),
  trainers={
    'cluster': 'distbelief.cluster.synchronous.worker:Worker',
    'virtual': 'distbelief.simulation.train_synchronous:Synchronous',
  },
  jobs=definition.only_workers,
  replicas_wait=True,
  updates_are_replicated=True,
  waits_between_steps=True,  # Every second or so all agree whether to go on.
  fields=_FIELDS,
  check=_check,
  learning_rate_fields=('synchronous.learning_rate', 'server.learning_rate'),
  step_unit=_step_unit,
  backup_workers=lambda config: config.synchronous.backup_workers,
  theoretical_staleness=staleness.zero,
  count_bytes=traffic.all_reduces,
  schedule='distbelief.replay.schedules:synchronous',
  recomputation='distbelief.replay.synchronous:Synchronous',
)
