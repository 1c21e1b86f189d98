"""Recomputes a run in one process from its step records.

An asynchronous run never happens twice, but it is reproducible from its records: the
versions that each step started from, and the order in which each shard applied the
pushes. With the data and the seeds of the config, every gradient and every parameter
follows (dataflow.py). So a run can be inspected as in a debugger:

    replay = Replay('runs/quickstart')
    state = replay.at(300)   # When shard 0 had applied 300 pushes.
    state.params, state.accrued[1], state.loss
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import errors
from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import Weights
from distbelief.analysis import clocks
from distbelief.analysis.run import Run
from distbelief.data.held_out import HeldOut
from distbelief.problem import factory, rounding
from distbelief.recompute.gradients import Gradients, Held
from distbelief.recompute.minibatches import Minibatches
from distbelief.replay import another_process, schedules
from distbelief.replay.recomputation import LaunchEnd, LaunchStart, Recomputation
from distbelief.replay.schedules import MisfitError, OtherValueError, Schedule
from distbelief.rundir import checkpoints
from distbelief.telemetry import numerics, records
from distbelief.telemetry.numerics import TOLERANCE, Numerics


class State:
  """The state of a run at one update.

  Attributes:
    update: Number of pushes that shard 0 had applied (synchronous: of updates). More than
      requested if shard 0 never had that many: a resume with other shards skips some.
    versions: Version of each shard, [shards] int64.
    params: Parameters of the server, [.] float32 each, in the model's order.
    statistics: Statistics, which training changes beside the parameters.
    slots: Slots of the server's rule, each [P] float32.
    accrued: Gradients that a replica had computed and no shard had applied, by replica:
      their sum, like `params`. Replicas without any are left out.
    losses: Loss of the last minibatch of each replica, by its index.
  """

  def __init__(
    self, update: int, end: LaunchEnd, evaluate: Callable[[Weights], dict[str, float]]
  ) -> None:
    """Stores the recomputed values."""
    self.update, self.versions = update, end.versions
    self.params, self.statistics = end.weights
    self.slots, self.accrued, self.losses = end.slots, end.accrued, end.losses
    self._evaluate = functools.partial(evaluate, end.weights)

  @functools.cached_property
  def holdout(self) -> dict[str, float]:
    """Loss, accuracy and all other metrics of the hold-out data, at `params`."""
    return self._evaluate()

  @property
  def loss(self) -> float:
    """Loss of the hold-out data, at `params`."""
    return self.holdout['loss']

  @property
  def flat(self) -> np.ndarray:
    """The parameters as one vector, [P] float32."""
    return np.concatenate([param.ravel() for param in self.params])


class Difference(NamedTuple):
  """Differences between a replay and the run's own last checkpoint."""

  parameters: float  # |replayed - kept| / |kept|.
  statistics: float | None  # None: the model has none.


class Replay:
  """Recomputes a run of any algorithm and clock backend.

  Attributes:
    config: Config of the run.
    num_updates: Number of recorded updates of shard 0.
    is_finished: Whether the run is finished.
  """

  def __init__(self, workdir: Path | str) -> None:
    """Reads the records, and checks that they are consistent.

    Raises:
      errors.UserError: If there is no run, or it has no records.
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
    algorithm = config_lib.algorithm(self.config)
    self._make_schedule, self._recomputation = algorithm.replay_parts()
    self._is_real = self._launches[0][0]['clock'] == 'cluster'
    self._source = factory.make_source(self.config)
    self._held_out = HeldOut(self._source)
    self._objective = factory.make_objective(self.config, self._source)
    self._schedules = list(self._make_schedules())
    self.num_updates = int(self._schedules[-1].ends[0])

  def _make_schedules(self) -> Iterator[Schedule]:
    ends: np.ndarray | None = None
    for index, (header, found) in enumerate(self._launches, 1):
      num_shards = header['num_shards']
      starts = np.zeros([num_shards], np.int64)
      if ends is not None:
        starts = ends if len(ends) == num_shards else np.repeat(ends.max(), num_shards)
      is_over = self.is_finished or index < len(self._launches)
      schedule = self._make_schedule(
        found, starts, header['num_replicas'], self.config, is_over
      )
      ends = schedule.ends
      yield schedule

  def at(self, update: int | None = None) -> State:
    """Returns the state of the run when shard 0 had applied `update` pushes.

    The other shards have their state at that time, by their clocks.

    Args:
      update: Number of pushes, at most `num_updates`; by default all.

    Raises:
      errors.UserError: If there is no such update.
      MisfitError: If the recomputed values differ from the records.
    """
    update = self.num_updates if update is None else update
    if not 0 <= update <= self.num_updates:
      raise errors.UserError(
        f'update ({update}) is none of this run: choose 0 to {self.num_updates}'
      )
    *_, (update, end) = self._ends(update)
    return State(update, end, self._evaluate)

  def weights(self, versions: Collection[int]) -> dict[int, Weights]:
    """Returns the server's weights at several versions, by version.

    Args:
      versions: Numbers of pushes applied, the same at every shard.

    Raises:
      errors.UserError: If the shards never had one of these versions.
      MisfitError: If the recomputed values differ from the records.
    """
    found: dict[int, Weights] = {}
    for _, end in self._ends(self.num_updates, versions):
      found |= end.kept
    if missing := sorted(set(versions) - found.keys()):
      raise errors.UserError(
        f'version ({missing[0]}) is none of this run: choose 0 to {self.num_updates}'
      )
    return found

  def gradients(
    self, weights: Weights, steps: Sequence[tuple[int, int]]
  ) -> list[np.ndarray]:
    """Returns the gradients of minibatches at any weights, each [P] float32.

    Args:
      weights: Weights.
      steps: Steps whose minibatches are taken, each (replica, step), of the last launch.
    """
    of_one = self._gradients
    held = Held(
      of_one.sharding.split([tf.constant(param) for param in weights.params]),
      of_one.statistics.flatten(weights.statistics),
    )
    computed = of_one.compute([(held, None, replica, step) for replica, step in steps])
    return [result.sum.slices[0].numpy() for result in computed]

  @functools.cached_property
  def _gradients(self) -> Gradients:
    return Gradients(
      self.config,
      self._objective,
      Sharding(self._objective.shapes, 1),
      self._minibatches(self._schedules[-1].num_replicas),
    )

  def _minibatches(self, num_replicas: int) -> Minibatches:
    return Minibatches(
      self.config,
      self._source,
      num_replicas,
      config_lib.warmstart_steps(self.config),
      as_workers=self._is_real,
    )

  def _ends(
    self, update: int, keep: Collection[int] = ()
  ) -> Iterator[tuple[int, LaunchEnd]]:
    """Yields (update, end) of each launch until that which has an update."""
    weights, released = _as_arrays(self._objective.weights), False
    slots: list[np.ndarray] = []
    for launch, schedule in enumerate(self._schedules):
      last = update <= schedule.ends[0]
      # With another number of shards a run resumes from the newest version of any.
      update = max(update, int(schedule.starts[0]))
      start = LaunchStart(
        weights, slots, schedule.starts, released, schedule.num_replicas
      )
      end = self._play(launch, update if last else None, start, keep)
      yield update, end
      if last:
        return
      weights, slots, released = end.weights, end.slots, end.released

  def _play(
    self, launch: int, until: int | None, start: LaunchStart, keep: Collection[int]
  ) -> LaunchEnd:
    """Returns the end of a launch, recomputed under its own numerics."""
    own = numerics.of_launch(self._workdir, launch)
    try:
      if own and not _computes_as(own[0]):
        return another_process.play(self._workdir, launch, until, start, keep, own[0])
      return self.play(launch, until, start, keep)
    except OtherValueError as error:
      raise OtherValueError(f'{error}: {self._possible_causes()}') from error

  def _possible_causes(self) -> str:
    """Returns what may explain that a value differs, as far as it is known."""
    causes = []
    for launch in range(len(self._launches)):
      found = numerics.of_launch(self._workdir, launch)
      if not found:
        causes.append('the run has not recorded what its rounding depended on')
      elif len(found) > 1:
        causes.append(f'its tasks rounded unlike: {found[1].difference(found[0])}')
      else:  # Threads and settings are those of the run.
        gpu = bool(tf.config.list_physical_devices('GPU'))
        here = Numerics.here(found[0].threads, gpu)
        here = here._replace(settings=found[0].settings)
        other = found[0].difference(here)
        causes.append(f'it was made with {other} here' if other else '')
    causes = [*dict.fromkeys(filter(None, causes))]
    if self._rounds_differently():
      causes.append('TensorFlow rounds its gradients differently each time')
    causes.append('its records, data or code were changed')
    return f'perhaps {", or ".join(causes)}'

  def _rounds_differently(self) -> bool:
    goal = self._objective

    def gradient() -> list[tf.Tensor]:
      seed = tf.constant([0, 0], tf.int64)
      return goal.gradient(*goal.weights, minibatch, seed).gradient

    minibatch = self._source.first(self.config.data.batch_size)
    return bool(rounding.difference(gradient(), gradient))

  def play(
    self,
    launch: int,
    until: int | None,
    start: LaunchStart,
    keep: Collection[int] = (),
  ) -> LaunchEnd:
    """Returns the end of a launch, recomputed in this process.

    Args:
      launch: Index of the launch.
      until: Number of pushes of shard 0 after which to stop; None: all.
      start: State in which it begins.
      keep: Versions whose weights to keep, where the launch has them.

    Raises:
      MisfitError: If the recomputed values differ from the records.
    """
    schedule = self._schedules[launch]
    if until is not None:
      schedule = schedule.until(until)
    minibatches = self._minibatches(start.num_replicas)
    trainer: Recomputation = self._recomputation(
      self.config, self._objective, minibatches, start, as_workers=self._is_real
    )
    first, last = schedule.starts.max(), schedule.ends.min()
    trainer.keep([version for version in keep if first <= version <= last])
    trainer.play(schedule)
    return LaunchEnd(
      _as_arrays(trainer.weights),
      [np.array(slot) for slot in trainer.slots],
      trainer.versions,
      trainer.released,
      trainer.accrued(),
      trainer.losses,
      {version: _as_arrays(kept) for version, kept in trainer.kept.items()},
    )

  def difference(self, state: State) -> Difference:
    """Returns the difference between the last state of a finished run and its checkpoint.

    Raises:
      errors.UserError: If the run has written no checkpoint.
      MisfitError: If it is too large for the records to be true.
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
        raise OtherValueError(
          f'the {name} that the records lead to differ from those of the run by '
          f'{off:.1e}, relative, more than {TOLERANCE}: {self._possible_causes()}'
        )
    return found

  def _evaluate(self, weights: Weights) -> dict[str, float]:
    return self._objective.evaluate(*weights, self._held_out.minibatches)


def _computes_as(own: Numerics) -> bool:
  """Returns whether this process computes, or can be made to compute, under these."""
  here = Numerics.here(own.threads)
  if here.settings != own.settings:
    return False
  try:
    tf.config.threading.set_intra_op_parallelism_threads(own.threads)
  except RuntimeError:  # TensorFlow has started.
    taken = tf.config.threading.get_intra_op_parallelism_threads()
    return Numerics.here(taken).threads == own.threads
  return True


def _as_arrays(weights: Weights) -> Weights:
  return Weights(*([np.array(tensor) for tensor in part] for part in weights))


def _words(versions: np.ndarray) -> str:
  return ' '.join(map(str, versions))


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
  """Returns |found - truth| / |truth|."""
  found, truth = found.astype(np.float64), truth.astype(np.float64)
  size = float(np.linalg.norm(truth))
  return float(np.linalg.norm(found - truth)) / max(size, 1e-300)
