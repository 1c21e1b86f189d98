"""Recomputes synchronous SGD, or one process, from its schedule."""

from __future__ import annotations

from collections.abc import Collection

import ml_collections
import numpy as np

from distbelief.algorithms import synchronous
from distbelief.algorithms.statistics import Weights
from distbelief.models.objective import Objective
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.synchronous import SynchronousUpdates
from distbelief.replay.recomputation import LOSS_TOLERANCE, LaunchStart
from distbelief.replay.schedules import Computed, Schedule
from distbelief.telemetry.steps import Status


class Synchronous:
  """Replicas that perform every update together (replay.recomputation.Recomputation)."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    objective: Objective,
    minibatches: Minibatches,
    start: LaunchStart,
    as_workers: bool,
  ) -> None:
    """Starts where the previous launch ended; for the arguments see Recomputation."""
    del as_workers
    rule = synchronous.load_rule(config.server, start.num_replicas)
    self._updates = SynchronousUpdates(
      config,
      objective,
      rule,
      minibatches,
      *start.tensors(),
      int(start.versions[0]),
    )
    self._wanted: set[int] = set()
    self.kept: dict[int, Weights] = {}
    self.losses: dict[int, float] = {}
    self.released = start.released

  def keep(self, versions: Collection[int]) -> None:
    """Keeps the weights of versions that `play` will make, or begins with."""
    self._wanted = set(versions)
    self._keep_this()

  def _keep_this(self) -> None:
    if self._updates.version in self._wanted:
      self.kept[self._updates.version] = self._updates.weights

  def play(self, schedule: Schedule) -> None:
    """Computes a schedule.

    Raises:
      MisfitError: If it differs from the records, or these contradict each other.
    """
    found, told, updates = schedule.records, [], schedule.updates
    assert updates is not None  # A schedule of updates is what this class plays.
    for places in updates:
      part = found[places][found[places]['status'][:, 0] != Status.LOST]
      told.append(self._updates.update(part['replica'], part['step']))
      self._keep_this()
      self.losses |= dict(zip(part['replica'].tolist(), told[-1].losses.tolist()))
    everything = updates.ravel()
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
    schedule.compare(computed, LOSS_TOLERANCE)

  @property
  def versions(self) -> np.ndarray:
    """Versions of the shards now, [shards] int64."""
    return self._updates.versions

  @property
  def weights(self) -> Weights:
    """Parameters and statistics now."""
    return self._updates.weights

  @property
  def slots(self) -> list[np.ndarray]:
    """The server rule's slots now, each [P] float32."""
    return self._updates.flat_slots

  def accrued(self) -> dict[int, list[np.ndarray]]:
    """Returns by replica the gradients that are computed but not applied."""
    return {}  # Every gradient is in the update of its step.
