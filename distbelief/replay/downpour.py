"""Recomputes Downpour from its schedule."""

from __future__ import annotations

from collections.abc import Collection

import ml_collections
import numpy as np

from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import Weights
from distbelief.models.objective import Objective
from distbelief.problem import factory
from distbelief.recompute.dataflow import Dataflow, Push, StuckError
from distbelief.recompute.gradients import Gradients
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.updates import Updates
from distbelief.replay.recomputation import LOSS_TOLERANCE, LaunchStart
from distbelief.replay.schedules import Computed, MisfitError, Schedule
from distbelief.telemetry.sketch import Sketch


class Downpour:
  """Downpour's replicas and shards (replay.recomputation.Recomputation)."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    objective: Objective,
    minibatches: Minibatches,
    start: LaunchStart,
    as_workers: bool,
  ) -> None:
    """Starts where the previous launch ended; for the arguments see Recomputation."""
    sharding = Sharding(objective.shapes, len(start.versions))
    rule = factory.make_server_rule(config, objective, sharding)
    self._flow = Dataflow(
      Gradients(config, objective, sharding, minibatches),
      Updates(rule, start.num_replicas, compiled=not as_workers),
      *start.tensors(),
      start.versions.tolist(),
      start.released,
      sketch=Sketch(sum(sharding.sizes), config.seed),
    )
    self._pushes: list[Push] = []
    self._kept: list[int] = []
    self._num_shards = len(start.versions)
    self.losses: dict[int, float] = {}

  def keep(self, versions: Collection[int]) -> None:
    """Keeps the weights of versions that `play` will make."""
    self._kept = list(versions)
    for version in versions:
      for shard in range(self._num_shards):
        self._flow.hold(shard, version)

  @property
  def kept(self) -> dict[int, Weights]:
    """Weights of the versions kept, once they are made."""
    return {version: self._flow.weights_at(version) for version in self._kept}

  def play(self, schedule: Schedule) -> None:
    """Computes a schedule.

    Raises:
      MisfitError: If it differs from the records, or these contradict each other.
    """
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
      LOSS_TOLERANCE,
    )
    for step in sorted(played, key=lambda step: step.times.compute_end):
      self.losses[step.replica] = step.loss

  @property
  def versions(self) -> np.ndarray:
    """Versions of the shards now, [shards] int64."""
    return self._flow.versions

  @property
  def weights(self) -> Weights:
    """Parameters and statistics now."""
    return self._flow.weights

  @property
  def slots(self) -> list[np.ndarray]:
    """The server rule's slots now, each [P] float32."""
    return self._flow.slots

  @property
  def released(self) -> bool:
    """Whether the warm start is over."""
    return self._flow.released

  def accrued(self) -> dict[int, list[np.ndarray]]:
    """Returns by replica the gradients that are computed but not applied."""
    newest: dict[int, int] = {}
    for replica, incarnation in (push.client for push in self._pushes):
      newest[replica] = max(incarnation, newest.get(replica, -1))
    found: dict[int, list[np.ndarray]] = {}
    for push, parts in self._flow.outstanding(self._pushes):
      if push.client[1] < newest[push.client[0]]:
        continue  # It died, and its accrued gradients are lost.
      tensors = [part.numpy() for part in parts]
      before = found.get(push.client[0])
      found[push.client[0]] = (
        tensors if before is None else [b + t for b, t in zip(before, tensors)]
      )
    return found
