"""A run, recomputed in one process from its step records.

An asynchronous run never happens twice, but its records say which versions each step
started from and in which order each shard applied the pushes. With the data and the
seeds of the config, every gradient and every parameter follows (dataflow.py). So a run
can be looked at as in a debugger:

    replay = Replay('runs/quickstart')
    state = replay.at(300)   # When shard 0 had applied 300 pushes.
    state.params, state.accrued[1], state.loss
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import errors, learning
from distbelief.algorithms import synchronous
from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import Weights
from distbelief.analysis import clocks
from distbelief.analysis.run import Run
from distbelief.rundir import checkpoints
from distbelief.simulation import schedules
from distbelief.simulation.dataflow import Dataflow, Push, StuckError
from distbelief.simulation.gradients import Gradients
from distbelief.simulation.lockstep import Lockstep
from distbelief.simulation.minibatches import Minibatches
from distbelief.simulation.schedules import Computed, MisfitError, Schedule
from distbelief.simulation.updates import Updates
from distbelief.telemetry import records
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import Status

_HOLDOUT_BATCH = 1024
# How far parameters and losses may be from those of the run, relative. On a machine of
# the same kind they are the same to the last bit; what another one rounds otherwise, by
# 1e-7, training at a large rate may make more of.
TOLERANCE, _LOSS_TOLERANCE = 1e-4, 1e-3


class State:
  """A run at one update.

  Attributes:
    update: Pushes that shard 0 had applied; of a synchronous run, updates. More than was
      asked for if shard 0 never had that many: a resume with other shards passes some.
    versions: [shards] int64, of each shard.
    params: The server's parameters, [.] float32 each, in the model's order.
    statistics: What training changes beside them.
    slots: The server rule's, each [P] float32.
    accrued: By replica, what it had computed and no shard had applied: the sum of the
      gradients, like `params`. Replicas that had nothing are left out.
    losses: By replica, the loss of its last minibatch.
  """

  def __init__(
    self,
    update: int,
    versions: np.ndarray,
    weights: Weights,
    slots: list[np.ndarray],
    accrued: dict[int, list[np.ndarray]],
    losses: dict[int, float],
    evaluate: Any,
  ) -> None:
    """Takes what was found."""
    self.update, self.versions = update, versions
    self.params = [np.array(tensor) for tensor in weights.params]
    self.statistics = [np.array(tensor) for tensor in weights.statistics]
    self.slots, self.accrued, self.losses = slots, accrued, losses
    self._evaluate = functools.partial(evaluate, weights)

  @functools.cached_property
  def holdout(self) -> dict[str, float]:
    """Loss, accuracy and all other metrics of the hold-out data, at `params`."""
    return self._evaluate()

  @property
  def loss(self) -> float:
    """Of the hold-out data, at `params`."""
    return self.holdout['loss']

  @property
  def flat(self) -> np.ndarray:
    """The parameters as one vector, [P] float32."""
    return np.concatenate([param.ravel() for param in self.params])


class Difference(NamedTuple):
  """How far a replay is from what the run itself kept."""

  parameters: float  # |replayed - kept| / |kept|.
  statistics: float | None  # None: the model has none.


class Replay:
  """Recomputes a run of any algorithm, from any clock.

  Attributes:
    config: The run's.
    num_updates: Of shard 0, on record.
    is_finished: Whether the run is.
  """

  def __init__(self, workdir: Path | str) -> None:
    """Reads the records, and finds out whether they can be.

    Raises:
      errors.UserError: If there is no run, or it kept no records.
      MisfitError: If a record does not fit the others.
    """
    run = Run(workdir)
    self.is_finished = run.summary is not None
    self.config, self._workdir = run.config, run.workdir
    self._launches = []
    for path in records.files(run.workdir):
      found, header = np.array(records.open_file(path)), records.header(path)
      found = found[~np.isnan(found['compute_start'])]
      schedules.refuse_strangers(found, header['num_replicas'])
      aligned = clocks.align(found, clocks.offsets(found))
      self._launches.append((header, aligned))
    if not any(len(found) for _, found in self._launches):
      remedy = 'wait for one, or resume the run'
      if not self.config.telemetry.records:
        remedy = 'train anew with config.telemetry.records=True'
      raise errors.UserError(f'{workdir} has no step on record: {remedy}')
    self._is_real = self._launches[0][0]['clock'] == 'cluster'
    self._source = learning.source_of(self.config)
    self._objective = learning.objective_of(self.config, self._source)
    self._schedules = list(self._make_schedules())
    self.num_updates = int(self._schedules[-1].ends[0])

  def _make_schedules(self) -> Iterator[Schedule]:
    ends: np.ndarray | None = None
    for index, (header, found) in enumerate(self._launches, 1):
      num_shards = header['num_shards']
      starts = np.zeros([num_shards], np.int64)
      if ends is not None:
        starts = ends if len(ends) == num_shards else np.repeat(ends.max(), num_shards)
      make = schedules.downpour
      if self.config.algorithm != 'downpour':
        make = schedules.synchronous
      is_over = self.is_finished or index < len(self._launches)
      schedule = make(found, starts, header['num_replicas'], self.config, is_over)
      ends = schedule.ends
      yield schedule

  def at(self, update: int | None = None) -> State:
    """Returns the run when shard 0 had applied `update` pushes.

    The other shards are as they were at that time, by their clocks.

    Args:
      update: At most `num_updates`; by default all.

    Raises:
      errors.UserError: If there is no such update.
      MisfitError: If what is computed is not what is on record.
    """
    update = self.num_updates if update is None else update
    if not 0 <= update <= self.num_updates:
      raise errors.UserError(
        f'update ({update}) is none of this run: choose 0 to {self.num_updates}'
      )
    weights, slots, released = self._objective.weights, [], False
    for schedule in self._schedules:
      last = update <= schedule.ends[0]
      # With other shards a run goes on from the newest version of any.
      update = max(update, int(schedule.starts[0]))
      part = schedule.until(update) if last else schedule
      trainer = self._trainer(schedule, weights, slots, released)
      trainer.play(part)
      if last:
        break
      weights, slots, released = trainer.weights, trainer.slots, trainer.released
    return State(
      update,
      trainer.versions,
      trainer.weights,
      [np.array(slot) for slot in trainer.slots],
      trainer.accrued(),
      trainer.losses,
      self._evaluate,
    )

  def difference(self, state: State) -> Difference:
    """Returns how far the last state of a finished run is from what the run kept.

    Raises:
      errors.UserError: If the run has written no checkpoint.
      MisfitError: If that is too far for the records to be what happened.
    """
    kept = checkpoints.latest(self._workdir / 'checkpoints')
    if kept is None:
      raise errors.UserError(f'{self._workdir} has no checkpoint yet: wait for one')
    statistics = None
    if len(kept.statistics):
      flat = np.concatenate([part.ravel() for part in state.statistics])
      statistics = relative_error(flat, kept.statistics)
    found = Difference(relative_error(state.flat, kept.parameters), statistics)
    if (state.versions != kept.versions).any():
      raise MisfitError(
        f'the shards ended at versions {_words(kept.versions)}, and by the records at '
        f'{_words(state.versions)}: some are missing or changed'
      )
    for name, off in found._asdict().items():
      if off is not None and not off <= TOLERANCE:
        raise MisfitError(
          f'the {name} that the records lead to differ from those of the run by '
          f'{off:.1e}, relative, more than {TOLERANCE}: some records were changed'
        )
    return found

  def _trainer(
    self,
    schedule: Schedule,
    weights: Weights,
    slots: Sequence[np.ndarray],
    released: bool,
  ) -> Any:
    config, objective = self.config, self._objective
    minibatches = Minibatches(
      config,
      self._source,
      schedule.num_replicas,
      config_lib.warmstart_steps(config),
      as_workers=self._is_real,
    )
    slots = [tf.constant(slot) for slot in slots]
    if config.algorithm != 'downpour':
      return _Together(
        Lockstep(
          config,
          objective,
          synchronous.load_rule(config.server, schedule.num_replicas),
          minibatches,
          weights,
          slots,
          int(schedule.starts[0]),
        )
      )
    sharding = Sharding(objective.shapes, len(schedule.starts))
    statistics = Sharding(objective.statistics_shapes, 1)
    flow = Dataflow(
      Gradients(config, objective, sharding, statistics, minibatches),
      Updates(
        ServerRule.from_config(config),
        schedule.num_replicas,
        compiled=not self._is_real,
      ),
      weights,
      slots,
      schedule.starts.tolist(),
      released,
      sketch=Sketch(sum(sharding.sizes), config.seed),
    )
    return _Apart(flow)

  def _evaluate(self, weights: Weights) -> dict[str, float]:
    return self._objective.evaluate(*weights, self._holdout)

  @functools.cached_property
  def _holdout(self) -> list[Any]:
    return list(self._source.holdout(_HOLDOUT_BATCH))


class _Apart:
  """Downpour's replicas and shards."""

  def __init__(self, flow: Dataflow) -> None:
    self._flow = flow
    self._pushes: list[Push] = []
    self.losses: dict[int, float] = {}

  def play(self, schedule: Schedule) -> None:
    flow = self._flow
    self._pushes = schedule.feed(flow)
    try:
      flow.advance()
      flow.compute_all()
    except StuckError as error:
      raise MisfitError(f'the records contradict each other: {error}') from error
    played = [step for push in self._pushes for step in push.steps]
    finite = [push.finite for push in self._pushes]
    whole = [push.closed for push in self._pushes]
    counts = [len(push.steps) for push in self._pushes]
    schedule.compare(
      Computed(
        np.array([bool(step.held_versions) for step in played], bool),
        np.array([step.loss for step in played]),
        np.array([step.accuracy for step in played]),
        np.repeat(np.array(finite, bool), counts),
        np.repeat(np.array(whole, bool), counts),
      ),
      _LOSS_TOLERANCE,
    )
    for step in sorted(played, key=lambda step: step.times.compute_end):
      self.losses[step.replica] = step.loss

  @property
  def versions(self) -> np.ndarray:
    return self._flow.versions

  @property
  def weights(self) -> Weights:
    return self._flow.weights

  @property
  def slots(self) -> list[np.ndarray]:
    return self._flow.slots

  @property
  def released(self) -> bool:
    return self._flow.released

  def accrued(self) -> dict[int, list[np.ndarray]]:
    newest: dict[int, int] = {}
    for replica, incarnation in (push.client for push in self._pushes):
      newest[replica] = max(incarnation, newest.get(replica, -1))
    found: dict[int, list[np.ndarray]] = {}
    for push, parts in self._flow.outstanding(self._pushes):
      if push.client[1] < newest[push.client[0]]:
        continue  # It died, and what it had accrued with it.
      tensors = [part.numpy() for part in parts]
      before = found.get(push.client[0])
      found[push.client[0]] = (
        tensors if before is None else [b + t for b, t in zip(before, tensors)]
      )
    return found


class _Together:
  """Replicas that make every update together."""

  def __init__(self, lockstep: Lockstep) -> None:
    self._lockstep = lockstep
    self.losses: dict[int, float] = {}
    self.released = False

  def play(self, schedule: Schedule) -> None:
    found, told = schedule.records, []
    for places in schedule.updates:
      part = found[places][found[places]['status'][:, 0] != Status.LOST]
      told.append(self._lockstep.update(part['replica'], part['step']))
      self.losses |= dict(zip(part['replica'].tolist(), told[-1].losses.tolist()))
    everything = schedule.updates.ravel()
    counted = found[everything]['status'][:, 0] != Status.LOST
    computed = Computed(
      counted,
      np.full([len(everything)], np.nan),
      np.full([len(everything)], np.nan),
      np.ones([len(everything)], bool),
      counted,
    )
    for name in told[0]._fields if told else ():
      parts = [getattr(update, name) for update in told]
      getattr(computed, name)[counted] = np.concatenate(parts)
    schedule.compare(computed, _LOSS_TOLERANCE)

  @property
  def versions(self) -> np.ndarray:
    return self._lockstep.versions

  @property
  def weights(self) -> Weights:
    return self._lockstep.weights

  @property
  def slots(self) -> list[np.ndarray]:
    return self._lockstep.flat_slots

  def accrued(self) -> dict[int, list[np.ndarray]]:
    return {}  # Every gradient is in the update of its step.


def _words(versions: np.ndarray) -> str:
  return ' '.join(map(str, versions))


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
  """Returns |found - truth| / |truth|."""
  found, truth = found.astype(np.float64), truth.astype(np.float64)
  return float(np.linalg.norm(found - truth) / max(np.linalg.norm(truth), 1e-300))
