"""What an algorithm is to all other code: its tasks, its waiting, its words.

An algorithm is one file of algorithms/catalog, which declares ALGORITHM. Nothing else
compares its name: who has to know asks the Algorithm. So its facts are named by what they
mean to those who ask (does a replica wait, is there a server), not by who has them; an
algorithm that shares some of them with another shares no code with it.

No TensorFlow here: the launcher reads this. What needs it stands as 'module:Class'.
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
  """What an algorithm's parts are called in pictures and traces.

  Attributes:
    title: A few words on who waits for whom, for a timeline.
    push: Span in which what a step found out travels.
    updates: Group of a trace's rows that show updates.
    update_row: One such row in a trace; '{}' stands for the shard's index.
    update_tick: The same in a timeline.
    leader: Task that keeps the run's directory.
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
    name: The word for config.algorithm; the name of its file.
    summary: Who waits for whom, in a few words, for the comment of config.algorithm.
    labels: What its parts are called.
    trainers: By clock, 'module:Class' of what trains. Under cluster it is made in each
      task that is no directed job's, with (config, workdir, tf_config, display,
      invocation, check_agreement), and its run() called; under virtual with (config,
      workdir, display, invocation, source), see simulation/launch.py. A clock that is
      missing is refused by config.check.
    jobs: Returns how many tasks of each job a run has, from the config and the number of
      replicas. The first task of the first job leads.
    directed_jobs: Jobs whose tasks serve the leader, and do what it schedules on them.
    has_server: Whether parameters live on servers, from which replicas fetch and to
      which they push.
    replicas_wait: Whether every update waits for all replicas (backups apart).
    workers_restart: Whether the others go on while a worker is started again.
    single_process: Whether there is one replica, whatever config.cluster says.
    updates_are_replicated: Whether all replicas make the same update, each for itself,
      so that one of them stands for all.
    waits_between_steps: Whether what passes between a replica's steps, of which its
      records say nothing, is waiting too. (Else wait_start and wait_end tell all.)
    fields: Its own section of the config.
    check: Raises errors.ConfigError for what cannot be in that section, from the config
      and the clock.
    learning_rate_fields: Where its rate stands; the first that is set holds.
    step_unit: Returns what config.num_steps must be a multiple of, from the config and
      the number of replicas.
    warmstart_steps: Returns how many steps replica 0 does alone.
    backup_workers: Returns how many replicas an update does without.
    overlaps: Returns whether what travels does so while the next step computes.
    intervals: Returns how often replicas exchange what, for the report.
    theoretical_staleness: Returns the mean staleness by theory, None if nothing says.
    count_bytes: Returns the bytes of an exchange, from it and those of the parameters.
    schedule: 'module:function' that makes a Schedule of records, for replay (None: it
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
  # What is said of a run.
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
    """Imports and returns what trains under a clock."""
    return pkgutil.resolve_name(self.trainers[clock])

  def replay_parts(self) -> tuple[Any, Any]:
    """Imports and returns what makes a schedule of records, and what recomputes it.

    Raises:
      errors.ConfigError: If there is none.
    """
    if self.schedule is None or self.recomputation is None:
      raise errors.ConfigError(
        'config.algorithm', self.name, 'cannot be replayed: choose another run'
      )
    return pkgutil.resolve_name(self.schedule), pkgutil.resolve_name(self.recomputation)


def num_replicas(config: Config) -> int:
  """Returns how many replicas config.cluster says, whatever the algorithm."""
  return 2 if config.cluster.num_replicas is None else config.cluster.num_replicas


def _value(config: Config, name: str) -> Any:
  for part in name.split('.'):
    config = config[part]
  return config
