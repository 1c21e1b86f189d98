"""The declaration of an algorithm: its tasks, who waits for whom, its labels.

An algorithm is one file of algorithms/catalog, which declares ALGORITHM. Nothing else
compares its name: other code asks the Algorithm. So its fields are named by their meaning
to that code (does a replica wait, is there a server), not by the algorithm that has them;
algorithms with equal fields share no code.

No TensorFlow here: the launcher reads this. Classes that need it are named by
'module:Class'.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import ml_collections

from distbelief import errors
from distbelief.algorithms import staleness, traffic
from distbelief.declarations.config_field import Field

Config: TypeAlias = ml_collections.ConfigDict


class StepUnit(NamedTuple):
  """Minibatches that can only be applied together."""

  steps: int
  meaning: str  # E.g. 'the 4 replicas, each of which ...', for messages.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
  """Labels of an algorithm's parts in pictures and traces.

  Attributes:
    title: Title of its timeline, a few words on who waits for whom.
    push: Name of the span in which the result of a step travels.
    updates: Name of the group of rows that show updates in a trace.
    update_row: Name of one such row in a trace; '{}' stands for the shard's index.
    update_tick: Likewise, in a timeline.
    leader: Name of the task that keeps the run's directory.
  """

  title: str
  push: str = 'push'
  updates: str = 'parameter server'
  update_row: str = 'shard {}'
  update_tick: str = 'shard {}'
  leader: str = 'chief'


def one_leader_and_servers(config: Config, num_replicas: int) -> dict[str, int]:
  """Returns the jobs of an algorithm with a chief and parameter servers."""
  servers = config.cluster.num_parameter_servers
  return {'chief': 1, 'worker': num_replicas, 'ps': 1 if servers is None else servers}


def only_workers(unused_config: Config, num_replicas: int) -> dict[str, int]:
  """Returns the jobs of an algorithm whose worker 0 leads."""
  return {'worker': num_replicas}


def _one_step(unused_config: Config, unused_num_replicas: int) -> StepUnit:
  return StepUnit(1, '1')


def _nothing_to_check(unused_config: Config, unused_clock: str) -> None:
  pass


def _no_steps(unused_config: Config) -> int:
  return 0


def _never(unused_config: Config) -> bool:
  return False


def _no_intervals(unused_config: Config) -> str:
  return 'no such choice'


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Algorithm:
  """One way to couple replicas.

  Attributes:
    name: Value of config.algorithm, and name of its file.
    summary: Description for the comment of config.algorithm: who waits for whom, in a few
      words.
    labels: Labels of its parts.
    trainers: Trainer classes by clock, each as 'module:Class'. Under cluster, each task
      of a job that is not directed creates one with (context, tf_config, check_agreement,
      wait_for_preflight) and calls run(); under virtual it is created with (context,
      source), see rundir/context.py and simulation/launch.py.
      config.check refuses a clock that is missing.
    jobs: Function that returns the number of tasks of each job, from the config and the
      number of replicas. The first task of the first job leads.
    directed_jobs: Jobs whose tasks serve the leader, which schedules their work.
    has_server: Whether parameters live on servers, from which replicas fetch and to
      which they push.
    replicas_wait: Whether every update waits for all replicas (backups apart).
    workers_restart: Whether the others go on while a worker is started again.
    single_process: Whether there is only one replica, whatever config.cluster says.
    updates_are_replicated: Whether every replica performs the same update for itself, so
      that one of them stands for all.
    waits_between_steps: Whether the time between a replica's steps, which its records do
      not cover, counts as waiting. (Else wait_start and wait_end cover all of it.)
    fields: Fields of its own section of the config.
    check: Function that raises errors.ConfigError for impossible values in that section,
      from the config and the clock.
    learning_rate_fields: Fields that may hold its rate; the first one that is set counts.
    step_unit: Function that returns the unit of which config.num_steps must be a
      multiple, from the config and the number of replicas.
    warmstart_steps: Function that returns the number of steps that replica 0 does alone.
    backup_workers: Function that returns the number of replicas that an update does
      without.
    overlaps: Function that returns whether transfers overlap the computation of the next
      step.
    intervals: Function that returns how often replicas exchange what, for the report.
    theoretical_staleness: Function that returns the mean staleness by theory, None if no
      theory covers the case.
    count_bytes: Function that returns the bytes of an exchange, from it and the bytes of
      the parameters.
    schedule: 'module:function' that builds a Schedule from records, for replay (None: it
      cannot be replayed).
    recomputation: 'module:Class' that recomputes such a schedule.
  """

  name: str
  summary: str
  labels: Labels
  trainers: Mapping[str, str]
  # Tasks.
  jobs: Callable[[Config, int], dict[str, int]] = one_leader_and_servers
  directed_jobs: tuple[str, ...] = ()
  has_server: bool = False
  replicas_wait: bool = False
  workers_restart: bool = False
  single_process: bool = False
  updates_are_replicated: bool = False
  waits_between_steps: bool = False
  # Its section of the config, and what follows from it.
  fields: tuple[Field, ...] = ()
  check: Callable[[Config, str], None] = _nothing_to_check
  learning_rate_fields: tuple[str, ...] = ('server.learning_rate',)
  step_unit: Callable[[Config, int], StepUnit] = _one_step
  warmstart_steps: Callable[[Config], int] = _no_steps
  backup_workers: Callable[[Config], int] = _no_steps
  overlaps: Callable[[Config], bool] = _never
  intervals: Callable[[Config], str] = _no_intervals
  # Figures that describe a run.
  theoretical_staleness: Callable[[Config, staleness.Conditions], float | None] = (
    staleness.unknown
  )
  count_bytes: Callable[[traffic.Exchange, float], float] = traffic.nothing
  # Replay.
  schedule: str | None = None
  recomputation: str | None = None

  @property
  def is_asynchronous(self) -> bool:
    """Whether a replica's parameters may change while it computes a gradient."""
    return not (self.replicas_wait or self.single_process)

  def num_replicas(self, config: Config) -> int:
    """Returns how many replicas train."""
    return 1 if self.single_process else num_replicas(config)

  def learning_rate(self, config: Config) -> float:
    """Returns the rate of config.server's rule."""
    found = [_value(config, name) for name in self.learning_rate_fields]
    return next(rate for rate in found if rate is not None)

  def trainer(self, clock: str) -> Any:
    """Imports and returns the trainer class for a clock."""
    return pkgutil.resolve_name(self.trainers[clock])

  def replay_parts(self) -> tuple[Any, Any]:
    """Imports and returns the builder of a schedule, and the class that recomputes it.

    Raises:
      errors.ConfigError: If there is none.
    """
    if self.schedule is None or self.recomputation is None:
      raise errors.ConfigError(
        'config.algorithm', self.name, 'cannot be replayed: choose another run'
      )
    return pkgutil.resolve_name(self.schedule), pkgutil.resolve_name(self.recomputation)


def num_replicas(config: Config) -> int:
  """Returns the number of replicas in config.cluster, whatever the algorithm."""
  return 2 if config.cluster.num_replicas is None else config.cluster.num_replicas


def _value(config: Config, name: str) -> Any:
  for part in name.split('.'):
    config = config[part]
  return config
