"""Trains Downpour SGD under the virtual clock: events, their numbers and records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import data, errors
from distbelief.algorithms.sharding import Sharding
from distbelief.problem import factory
from distbelief.recompute.dataflow import Dataflow, Push
from distbelief.recompute.gradients import Gradients
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.updates import Updates
from distbelief.rundir import checkpoints
from distbelief.rundir.context import RunContext
from distbelief.rundir.recorder import RunRecorder
from distbelief.simulation import costs, network
from distbelief.simulation.downpour import Applied, Cluster, Travelled
from distbelief.simulation.events import EventQueue
from distbelief.simulation.machines import Machines
from distbelief.telemetry import clock, steps
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import Status

_T = TypeVar('_T')

# Updates that are queued before they are computed: the more, the more gradients there are
# to compute in one call.
_AHEAD_OF_REPLICA = 4
_AHEAD = (256, 4096)
_LEAST = 32  # Least updates between two calls of `_look` that are due by time.
_FUTILE = 1000  # Deaths per replica since the last counted step, after which to give up.


class Downpour:
  """One launch of a run.

  Attributes:
    computes_apart: Whether replicas have parameters of their own, so that the gradients
      of several can be computed at once, by a thread each.
  """

  computes_apart = True

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
    num_replicas = config_lib.num_replicas(config)
    num_shards = config_lib.jobs(config)['ps']
    objective = factory.make_objective(config, source)
    sharding = Sharding(objective.shapes, num_shards)
    rule = factory.make_server_rule(config, objective, sharding)
    self._num_shards = num_shards
    costs_of_run = costs.of(config, objective, num_shards)
    self._events = EventQueue(checkpoints.seconds(context.workdir / 'checkpoints'))
    travel = network.least_travel(config, costs_of_run.shard_bytes)
    machines = Machines(config, costs_of_run.compute_seconds, travel)
    self._recorder = RunRecorder(
      context,
      objective,
      source,
      rule.rule,
      num_replicas,
      num_shards,
      clock.virtual(lambda: self._events.now),
      [round(size) for size in costs_of_run.shard_bytes],
    )
    start = self._recorder.checkpoint
    versions, clients = checkpoints.tables(
      start, num_shards, self._recorder.newest_incarnations
    )
    minibatches = Minibatches(
      config, source, num_replicas, config.downpour.warmstart_steps
    )
    self._flow = Dataflow(
      Gradients(config, objective, sharding, minibatches),
      Updates(rule, num_replicas),
      start.weights(objective),
      [tf.constant(slot) for slot in start.slots],
      versions.tolist(),
      bool(start.released),
      sketch=Sketch(sum(sharding.sizes), config.seed),
    )
    self._cluster = Cluster(
      config,
      self._events,
      self._flow,
      machines,
      costs_of_run.shard_bytes,
      clients,
      num_replicas,
    )
    ahead = _AHEAD_OF_REPLICA * num_replicas * num_shards
    self._ahead = int(np.clip(ahead, *_AHEAD))
    self._least = max(_LEAST, num_replicas * num_shards)

  def train(self, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Trains to the end, unless it is stopped; returns whether it reached the end."""
    config, began = self._config, time.monotonic()
    warm = config.downpour.warmstart_steps
    phases = [('warm start', warm)] if self._cluster.done < warm else []
    for name, limit in [*phases, ('training', config.num_steps)]:
      if not self._run_phase(name, limit, is_stopped):
        return False
    more = {
      'steps_returned': self._cluster.returned,
      'failures_survived': self._cluster.deaths,
      'real_seconds': time.monotonic() - began,
      'real_seconds_computing': self._flow.seconds,
    }
    self._recorder.close(
      self.checkpoint,
      self._flow.versions,
      lambda: self._flow.weights,
      more,
      is_stopped,
    )
    return True

  def save(self) -> bool:
    """Writes a checkpoint; returns False if no step has begun."""
    self._flush()
    if self._recorder.started:
      self._recorder.save(self.checkpoint())
    return self._recorder.started

  @property
  def done(self) -> int:
    """Minibatches that every shard has counted."""
    return self._cluster.done

  def checkpoint(self) -> checkpoints.Checkpoint:
    """Returns the state of the shards; every step that it counts is recorded."""
    flow = self._flow
    return checkpoints.of_weights(
      flow.weights,
      flow.slots,
      flow.versions,
      self._cluster.clients,
      released=flow.released,
      seconds=self._recorder.seconds,
      launch=self._recorder.launch,
    )

  def _run_phase(self, name: str, limit: int, is_stopped: Callable[[], bool]) -> bool:
    """Runs events until the shards have counted `limit` steps, or it is stopped."""
    cluster, every = self._cluster, self._config.eval_steps
    self._recorder.phase = name
    cluster.open(limit, alone=name == 'warm start')
    look = every * (cluster.done // every + 1)
    done, deaths = cluster.done, cluster.deaths
    while cluster.done < limit:
      if is_stopped():
        return False
      if not self._events.next():
        raise RuntimeError(f'nothing happens any more after {cluster.done} steps')
      if cluster.done > done:
        done, deaths = cluster.done, cluster.deaths
      elif cluster.deaths - deaths > _FUTILE * config_lib.num_replicas(self._config):
        raise errors.ConfigError(
          'config.simulation.life_seconds',
          self._config.simulation.life_seconds,
          f'is too short: after step {done} {cluster.deaths - deaths} replicas died '
          'before their push came; make lives longer, or links faster',
        )
      is_due = len(cluster.applied) >= self._least and self._recorder.look_due
      if cluster.done >= look or is_due:
        self._look()
        look = every * (cluster.done // every + 1)
      elif len(cluster.applied) >= self._ahead:
        self._flush(self._ahead // 2)
        self._recorder.show_progress(cluster.done)
    self._look()
    return True

  def _look(self) -> None:
    """Computes and records pending updates, shows, saves, evaluates."""
    self._flush()
    recorder, flow = self._recorder, self._flow
    recorder.look(self._cluster.done, flow.versions, lambda: flow.weights)
    if recorder.save_due:
      recorder.save(self.checkpoint())

  def _flush(self, max_pending: int = 0) -> None:
    """Computes all but so many pending updates, and records them."""
    self._flow.advance(max_pending)
    cluster = self._cluster
    applied, cluster.applied = _parted(
      cluster.applied, lambda update: update.shard in update.push.versions
    )
    travelled, cluster.travelled = _parted(
      cluster.travelled, lambda item: len(item.push.versions) == self._num_shards
    )
    if self._config.telemetry.records:
      self._record(applied)
    self._record_travels(travelled)

  def _record(self, applied: Sequence[Applied]) -> None:
    rows: dict[int, list[list[float]]] = {}  # By push.
    logs: dict[int, list[list[float]]] = {}  # By shard.
    for update in applied:
      push = update.push
      if id(push) not in rows:
        rows[id(push)] = _rows(push)
      logs.setdefault(update.shard, []).extend(
        [*_marks(update), *row] for row in rows[id(push)]
      )
    for shard, log in sorted(logs.items()):
      self._recorder.record(shard, np.array(log))

  def _record_travels(self, travelled: Sequence[Travelled]) -> None:
    times: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    samples = []
    for push, start, end in travelled:
      times.setdefault(push.client, []).append((push.sequence, start, end))
      if push.sketches:
        samples.append(((end, *push.client, push.steps[-1].step + 1), push.sketches))
    nothing = np.zeros([0, steps.row_width(self._num_shards)])
    for client, own in times.items():
      self._recorder.record_window(client, np.array(own), nothing)
    if samples:
      marks, sketches = zip(*samples)
      self._recorder.record_samples(np.array(marks), np.array(sketches))


def _parted(items: list[_T], is_first: Callable[[_T], bool]) -> tuple[list[_T], list[_T]]:
  """Returns the items that satisfy a predicate, and the others."""
  first: list[_T] = []
  others: list[_T] = []
  for item in items:
    (first if is_first(item) else others).append(item)
  return first, others


def _marks(update: Applied) -> list[float]:
  push = update.push
  return steps.marks(
    {
      'version_applied': push.versions[update.shard],
      'status': Status.APPLIED if push.finite else Status.DROPPED,
      'staleness': push.staleness.get(update.shard, steps.NOT_STALE),
      'applied_at': update.began,
      'update_end': update.end,
    }
  )


def _rows(push: Push) -> list[list[float]]:
  """Returns the rows of a push's steps (telemetry/steps.py)."""
  replica, incarnation = push.client
  found = []
  for step in push.steps:
    last = step is push.steps[-1]
    values = {
      'replica': replica,
      'incarnation': incarnation,
      'step': step.step,
      'batch': step.step,
      'sequence': push.sequence,
      'pushed': float(last),
      'gradients': len(push.steps) if last else 0,
      'fresh': float(step.held is not None),
      'opens_window': float(step.opens_window),
      'loss': step.loss,
      'accuracy': step.accuracy,
      **step.times._asdict(),
    }
    found.append(steps.row(values, step.held_versions))
  return found
