"""Downpour SGD: replicas fetch from, and push to, a parameter server; nobody waits.

Dean et al. (2012), Section 4.1 and appendix; its step is algorithms/downpour.py.
"""

from __future__ import annotations

import ml_collections

from distbelief import errors
from distbelief.algorithms import definition, staleness, traffic
from distbelief.algorithms.catalog import Algorithm, Labels
from distbelief.declarations.config_field import Field, at_least, more_than_0, one_of

_FIELDS = (
  Field(
    'downpour.n_fetch',
    1,
    'Steps from one fetch of the parameters to the next; the paper uses 1.',
    at_least(1, 'step; the paper uses 1'),
    hyperparameter=True,
  ),
  Field(
    'downpour.n_push',
    1,
    'Steps whose gradients one push carries (their sum); the paper uses 1.',
    at_least(1, 'step; the paper uses 1'),
    hyperparameter=True,
  ),
  Field(
    'downpour.learning_rate',
    0.1,
    "Alpha: rate of a replica's local step between two fetches.",
    at_least(0),
  ),
  Field('downpour.overlap', False, 'Fetch and push while the next step computes.'),
  Field(
    'downpour.window_steps',
    20,
    'Steps per closure scheduled on a worker; does not change the result.',
    at_least(1, 'step'),
    hyperparameter=True,
  ),
  Field(
    'downpour.warmstart_steps',
    0,
    'The first steps, by replica 0 alone, on the whole training set.',
    at_least(0, 'steps'),
    hyperparameter=True,
  ),
  Field(
    'downpour.warmstart_optimizer',
    'server',
    "server (the server's rule) or sgd (the paper's; slots fill as well).",
    one_of('server', 'sgd'),
  ),
  Field(
    'downpour.warmstart_learning_rate',
    float,
    "Rate of the warm start (none: the server's).",
    more_than_0(),
  ),
  Field(
    'downpour.reset_slots',
    False,
    "Empty the server's slots (Adagrad's sums) when the warm start ends.",
  ),
)


def _check(config: ml_collections.ConfigDict, unused_clock: str) -> None:
  if config.downpour.warmstart_steps > config.num_steps:
    raise errors.ConfigError(
      'config.downpour.warmstart_steps',
      config.downpour.warmstart_steps,
      f'must be at most config.num_steps ({config.num_steps}): they are part of them',
    )


def _intervals(config: ml_collections.ConfigDict) -> str:
  options = config.downpour
  local = f'; {options.learning_rate:g}' if options.n_fetch > 1 else ''
  return f'{options.n_fetch}, {options.n_push}{local}'


ALGORITHM = Algorithm(
  name='downpour',
  summary='a parameter server, nobody waits',
  labels=Labels(title='Downpour: nobody waits for anyone'),
  trainers={
    'cluster': 'distbelief.cluster.downpour.chief:Chief',
    'virtual': 'distbelief.simulation.train_downpour:Downpour',
  },
  jobs=definition.one_leader_and_servers,
  directed_jobs=('worker', 'ps'),
  has_server=True,
  workers_restart=True,
  fields=_FIELDS,
  check=_check,
  warmstart_steps=lambda config: config.downpour.warmstart_steps,
  overlaps=lambda config: config.downpour.overlap,
  intervals=_intervals,
  theoretical_staleness=staleness.downpour,
  count_bytes=traffic.fetches_and_pushes,
  schedule='distbelief.replay.schedules:downpour',
  recomputation='distbelief.replay.downpour:Downpour',
)
