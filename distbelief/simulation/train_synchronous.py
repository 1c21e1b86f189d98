"""Trains synchronous SGD, or one process, under the virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import data
from distbelief.algorithms import synchronous
from distbelief.algorithms.statistics import Weights
from distbelief.problem import factory
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.synchronous import SynchronousUpdates, UpdateResult
from distbelief.rundir import checkpoints
from distbelief.rundir.context import RunContext
from distbelief.rundir.recorder import RunRecorder
from distbelief.simulation import costs
from distbelief.simulation.machines import Machines
from distbelief.simulation.synchronous import Barrier, Update
from distbelief.telemetry import clock, steps, swarm
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import COUNTED, INCARNATION, NEXT_STEP, SEQUENCE, Status

_NAN = float('nan')


class Synchronous:
  """One launch of a run.

  Attributes:
    computes_apart: Whether replicas have parameters of their own.
  """

  computes_apart = False

  def __init__(
    self,
    context: RunContext,
    source: data.Source,
  ) -> None:
    """Restores the state of the run.

    Args:
      context: Context of the launch.
      source: Source of its data.
    """
    config = self._config = context.config
    self._now = checkpoints.seconds(context.workdir / 'checkpoints')
    num_replicas = self._num_replicas = config_lib.num_replicas(config)
    objective = factory.make_objective(config, source)
    rule = synchronous.load_rule(config.server, num_replicas)
    costs_of_run = costs.of(config, objective, 1)
    machines = Machines(config, costs_of_run.compute_seconds)
    self._recorder = RunRecorder(
      context,
      objective,
      source,
      rule,
      num_replicas,
      1,
      clock.virtual(lambda: self._now),
      [round(size) for size in costs_of_run.shard_bytes],
    )
    start = self._recorder.checkpoint
    versions, self._clients = checkpoints.tables(
      start, 1, self._recorder.newest_incarnations
    )
    own = self._clients[0, :num_replicas]
    own[:, INCARNATION] = self._recorder.launch
    own[:, NEXT_STEP] = own[:, NEXT_STEP].max()
    self._updates = SynchronousUpdates(
      config,
      objective,
      rule,
      Minibatches(config, source, num_replicas),
      start.weights(objective),
      [tf.constant(slot) for slot in start.slots],
      int(versions[0]),
    )
    self._barrier = Barrier(
      config,
      machines,
      costs_of_run.shard_bytes[0],
      num_replicas,
      config_lib.backup_workers(config),
      self._now,
    )
    self._sketch = Sketch(len(start.parameters), config.seed)
    self._next_sample = 0.0

  @property
  def done(self) -> int:
    """Number of minibatches in updates so far."""
    return int(self._clients[0, :, COUNTED].sum())

  def train(self, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Trains to the end, unless it is stopped; returns whether it reached the end."""
    began = time.monotonic()
    while self.done < self._config.num_steps:
      if is_stopped():
        return False
      self._step()
      self._recorder.look(self.done, self._updates.versions, self._weights)
      if self._recorder.save_due:
        self._recorder.save(self.checkpoint())
    more = {
      'communication': 'simulated',
      'failures_survived': self._barrier.deaths,
      'real_seconds': time.monotonic() - began,
    }
    self._recorder.close(
      self.checkpoint, self._updates.versions, self._weights, more, is_stopped
    )
    return True

  def save(self) -> bool:
    """Writes a checkpoint; returns False if no step has begun."""
    if self._recorder.started:
      self._recorder.save(self.checkpoint())
    return self._recorder.started

  def checkpoint(self) -> checkpoints.Checkpoint:
    """Returns the state of the run; every step that it counts is recorded."""
    return checkpoints.of_weights(
      self._updates.weights,
      self._updates.flat_slots,
      self._updates.versions,
      self._clients,
      released=False,
      seconds=self._recorder.seconds,
      launch=self._recorder.launch,
    )

  def _weights(self) -> Weights:
    return self._updates.weights

  def _step(self) -> None:
    """Performs an update, and records it."""
    own = self._clients[0, : self._num_replicas]
    step, held = int(own[0, NEXT_STEP]), self._updates.version
    update = self._barrier.update(self._now, step)
    chosen = np.flatnonzero(update.counted)
    told = self._updates.update(chosen.tolist(), [step] * len(chosen))
    self._now = update.end
    own[:, SEQUENCE], own[:, NEXT_STEP] = step, step + 1
    own[update.counted, COUNTED] += 1
    self._record(update, told, step, held)
    self._sample(step + 1)

  def _record(self, update: Update, told: UpdateResult, step: int, held: int) -> None:
    replicas, launch = np.arange(self._num_replicas), self._recorder.launch
    counted = update.counted

    def of_counted(values: Any, otherwise: float) -> np.ndarray:
      found = np.full(len(replicas), float(otherwise))
      found[counted] = values
      return found

    of_update = {
      'version_applied': of_counted(self._updates.version, -1),
      'status': of_counted(
        np.where(told.finite, Status.APPLIED, Status.DROPPED), Status.LOST
      ),
      'staleness': of_counted(np.where(told.finite, 0, steps.NOT_STALE), steps.NOT_STALE),
      'applied_at': np.where(counted, update.summed, _NAN),
      'update_end': np.where(counted, update.end, _NAN),
    }
    of_step = {
      'loss': of_counted(told.losses, _NAN),
      'accuracy': of_counted(told.accuracies, _NAN),
      'replica': replicas,
      'incarnation': launch,
      'step': step,
      'batch': step,
      'sequence': step,
      'pushed': 1.0,
      'gradients': 1.0,
      'fresh': 1.0,
      'opens_window': 0.0,
      **steps.Times()._asdict(),
      'compute_start': update.begin,
      'compute_end': update.computed,
      'wait_start': update.computed,
      'wait_end': update.gathered,
    }
    columns = steps.log_row(of_update, of_step, [held])
    columns = [np.broadcast_to(column, [len(replicas)]) for column in columns]
    log = np.stack(columns, axis=1).astype(np.float64)
    if not self._config.telemetry.records:
      return
    self._recorder.record(0, log)
    times = np.array([[step, update.gathered, update.end]])
    for replica in np.flatnonzero(counted).tolist():
      self._recorder.record_window(
        (replica, launch), times, log[:0, len(steps.LOG_COLUMNS) :]
      )

  def _sample(self, next_step: int) -> None:
    """Records a sample, not too often: all replicas have the same parameters."""
    every = self._config.telemetry.swarm_seconds
    if not every or self._now < self._next_sample:
      return
    self._next_sample = self._now + every
    at = self._sketch.of(self._updates.weights.params).numpy()
    none = np.zeros([swarm.DIMENSION], np.float32)
    replicas = range(self._num_replicas)
    marks = [(self._now, r, self._recorder.launch, next_step) for r in replicas]
    self._recorder.record_samples(
      np.array(marks, np.float64), np.tile(np.stack([at, at, none]), [len(marks), 1, 1])
    )
