"""SGD by one process: synchronous SGD of one replica, which waits for nobody."""

from __future__ import annotations

from distbelief.algorithms import definition, staleness, traffic
from distbelief.algorithms.catalog import Algorithm, Labels

ALGORITHM = Algorithm(
  name='sgd',
  summary='one replica alone',
  labels=Labels(
    title='one process',
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
  single_process=True,
  updates_are_replicated=True,
  waits_between_steps=True,
  theoretical_staleness=staleness.zero,
  count_bytes=traffic.nothing,
  schedule='distbelief.replay.schedules:synchronous',
  recomputation='distbelief.replay.synchronous:Synchronous',
)
