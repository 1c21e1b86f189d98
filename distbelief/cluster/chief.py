"""The chief: connects the cluster, drives the replicas, keeps the run's directory."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import errors, learning
from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.cluster import checkpoints, servers
from distbelief.cluster import shards as shards_lib
from distbelief.cluster.evaluation import Evaluator
from distbelief.cluster.parameter_server import ParameterServer
from distbelief.cluster.replica import Replica, WindowResult
from distbelief.cluster.windows import Windows
from distbelief.telemetry import metrics, provenance, pushes, records, steps, summary
from distbelief.telemetry.steps import INCARNATION, LOG_COLUMN, Status
from distbelief.telemetry.tally import Tally

_LOOK_SECONDS = 0.2  # Between two looks at the shards.
# How long nothing may happen, though all steps are granted and no window runs, before a
# replica whose steps are not counted is taken for dead. Longer than a worker's restart.
_PATIENCE_SECONDS = 30.0

# For windows that are under way when all steps are done; they find nothing to do.
_LAST_WINDOWS_SECONDS = 10.0

# What TensorFlow raises when another task dies; which of them is a matter of timing.
_LOST_PEER = (
  tf.errors.UnavailableError,
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.FailedPreconditionError,
  tf.errors.NotFoundError,
)

_NAN = float('nan')


class Stopped(BaseException):
  """SIGTERM or SIGINT: write a checkpoint and go."""


class Chief:
  """One launch of a run, from connecting to summary.json."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    workdir: Path,
    tf_config: Mapping[str, Any],
    display: Any,
    origin: provenance.Origin,
  ) -> None:
    """Connects to nobody yet.

    Args:
      config: The run's, checked.
      workdir: Prepared for it.
      tf_config: The cluster, as in TF_CONFIG.
      display: Shows `progress` and `message`.
      origin: What started the run.
    """
    self._config, self._workdir, self._display = config, workdir, display
    self._addresses = tf_config['cluster']
    self._started = origin.started
    self._provenance = provenance.collect(origin)
    self._num_replicas = len(self._addresses['worker'])
    self._num_shards = len(self._addresses['ps'])
    self._origin: float | None = None  # The first step's start, less earlier launches.
    self._startup_seconds: float | None = None
    self._earlier_seconds = 0.0  # Of the launches that this one resumes.
    self._resumed_from: int | None = None
    self._ended = 0.0  # The last update's time.
    self._next_scalars = self._next_save = 0.0
    self._reclaimed = 0  # Replicas that were taken for dead.
    self._stopped_by: int | None = None  # A signal's number.
    self._in_training = False
    self._losses: list[float] = []  # Since the last evaluation.
    self._look: Any = None  # The last one.
    self._steps = 0  # Minibatches that every shard has counted.
    self._phase = 'starting'

  def run(self) -> None:
    """Trains to the end.

    Raises:
      SystemExit: After SIGTERM or SIGINT, with a checkpoint written.
      errors.LostPeerError: If a task that the run needs is gone.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
      signal.signal(number, self._stop)
    try:
      servers.wait_for_tasks(
        self._addresses, self._config.cluster.start_timeout, self._display.message
      )
      self._build()
      self._in_training = True
      self._train()
      self._finish()
    except Stopped:
      if self._origin is not None:
        self._save()
        self._display.message(f'checkpoint written at step {self._steps}')
      raise SystemExit(128 + self._stopped_by) from None
    except _LOST_PEER as error:
      reason = error.message.splitlines()[0]
      raise errors.LostPeerError(
        f'a task was lost ({type(error).__name__}: {reason}); the same command resumes'
      ) from error

  def _stop(self, number: int, unused_frame: Any) -> None:
    """Handles a signal; may be called more than once."""
    before, self._stopped_by = self._stopped_by, number
    # In training the loop looks for itself, so that no look at the shards is cut off
    # before what they had logged is on record.
    if before is None and not self._in_training:
      raise Stopped

  def _build(self) -> None:
    config, workdir = self._config, self._workdir
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
      tf.train.ClusterSpec(dict(self._addresses)),
      rpc_layer='grpc',
      task_type='chief',
      task_id=0,
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    source = learning.source_of(config)
    self._objective = learning.objective_of(config, source)
    sharding = Sharding(self._objective.shapes, self._num_shards)
    rule = ServerRule.from_config(config)
    states = self._initial_states(sharding, rule)
    self._first_incarnations = np.array(states[0].clients)[:, INCARNATION] + 1
    self._server = ParameterServer(sharding, rule, self._num_replicas, states)
    replica = Replica(
      config, self._num_replicas, strategy, self._objective, source, self._server
    )
    self._windows = Windows(coordinator, replica.window, 2 * self._num_replicas)

    self._launch = len(records.files(workdir))
    self._recorder = records.Recorder(
      workdir / 'steps' / f'{self._launch:03}.bin', self._num_shards, self._num_replicas
    )
    self._writer = metrics.MetricWriter(workdir, config)
    self._evaluator = Evaluator(
      self._objective, source, self._server, self._writer, config.eval_steps
    )
    self._checkpoints = checkpoints.CheckpointWriter(
      workdir / 'checkpoints', config.checkpoints_kept
    )
    self._tally = Tally(config.data.batch_size)

  def _initial_states(
    self, sharding: Sharding, rule: ServerRule
  ) -> list[shards_lib.ShardState]:
    """Returns what the shards start from; marks what going back to it undoes."""
    checkpoint = checkpoints.latest(self._workdir / 'checkpoints')
    newest = records.newest_incarnations(self._workdir, self._num_replicas)
    if checkpoint is None:
      checkpoint = checkpoints.first(
        self._objective.initial, rule, self._num_shards, self._num_replicas
      )
    else:
      self._resumed_from = self._steps = checkpoint.steps
      self._earlier_seconds = float(checkpoint.seconds)
      if checkpoint.steps > self._config.num_steps:
        raise errors.ConfigError(
          'config.num_steps',
          self._config.num_steps,
          f'is less than the {checkpoint.steps} steps that the run in {self._workdir} '
          'has done: raise it, or choose another --workdir',
        )
    undone = records.mark_undone(
      self._workdir, int(checkpoint.launch), checkpoint.clients
    )
    metrics.forget_after(self._workdir, checkpoint.steps)
    if self._resumed_from is not None or undone:
      self._display.message(
        f'resumed from step {checkpoint.steps}; {undone} later steps are undone'
      )
    return checkpoints.to_states(checkpoint, sharding.sizes, newest)

  # Training.

  def _train(self) -> None:
    config = self._config
    self._next_save = time.time() + config.checkpoint_seconds
    self._observe()
    warm = config.downpour.warmstart_steps
    if self._steps < warm:
      self._run_phase('warm start', warm, alone=True)
    self._run_phase('training', config.num_steps, alone=False)

  def _run_phase(self, name: str, limit: int, alone: bool) -> None:
    """Has replicas do the pool's steps until the shards have counted `limit`.

    Args:
      name: For the progress line.
      limit: Steps in all since the run began.
      alone: Whether replica 0 does them.
    """
    self._phase = name
    self._server.pool.open(
      tf.constant(limit, tf.int64), tf.constant(int(alone), tf.int64)
    )
    # Twice as many as there are workers: each finds its next window waiting.
    self._windows.start(2 * self._num_replicas)
    left, next_look = limit - self._steps, time.time()
    last_news = time.time()
    while self._steps < limit:
      if self._stopped_by is not None:
        raise Stopped
      result = self._next_window(timeout=max(0.0, next_look - time.time()))
      if result is not None and result.taken:
        self._windows.start(1)
      if time.time() < next_look and (left or result is None):
        continue
      before = self._steps
      left = self._observe()
      next_look = time.time() + _LOOK_SECONDS
      if self._steps > before:
        last_news = time.time()
      elif time.time() - last_news > _PATIENCE_SECONDS:
        last_news = time.time()
        self._display.message(f'no step was applied for {_PATIENCE_SECONDS:g} s')
        if not left and not self._windows.under_way:
          self._reclaim()
      if left:
        self._windows.start(2 * self._num_replicas)
      elif not self._windows.under_way and self._steps < limit:
        # All steps are granted and no window runs, yet some are not counted: windows of
        # length 0 push what is accrued. They go to whoever is free, so it takes several.
        self._windows.start(self._num_replicas)

  def _next_window(self, timeout: float) -> WindowResult | None:
    result = self._windows.next(timeout)
    if result is not None:
      key = (int(result.replica), int(result.incarnation))
      self._recorder.add_window(key, result.pushes, result.pending)
    return result

  def _reclaim(self) -> None:
    """Returns the steps of replicas that do not answer to the pool."""
    for replica in self._look.behind:
      self._display.message(f'replica {replica} is gone: others do its steps')
      self._server.reclaim(int(replica))
      self._reclaimed += 1

  def _observe(self) -> int:
    """Looks at the shards: records, shows, saves, evaluates; returns steps left."""
    look = self._server.look()
    self._record(look.logs)
    self._look, self._steps = look, look.steps
    now = time.time()
    self._tally.add_progress(now, self._steps)
    if now >= self._next_scalars:
      self._next_scalars = now + self._config.telemetry.seconds
      self._show()
    if self._origin is not None:
      if now >= self._next_save:
        self._save()
        self._next_save = time.time() + self._config.checkpoint_seconds
      if self._evaluator.due(self._steps) and self._steps < self._config.num_steps:
        self._evaluator.start(self._row(now))
    return look.left

  def _record(self, logs: list[np.ndarray]) -> None:
    for shard, log in enumerate(logs):
      if not len(log):
        continue
      self._recorder.add_log(shard, log)
      self._tally.add_log(shard, log)
      self._ended = max(self._ended, float(log[:, LOG_COLUMN['applied_at']].max()))
      rows = log[:, len(steps.LOG_COLUMNS) :]
      if shard == 0:
        applied = log[:, LOG_COLUMN['status']] == Status.APPLIED
        self._losses += rows[applied, steps.COLUMN['loss']].tolist()
      if self._origin is None:
        first = float(np.nanmin(rows[:, steps.COLUMN['wait_end']]))
        self._startup_seconds = first - self._started
        self._origin = first - self._earlier_seconds

  def _show(self) -> None:
    scalars = self._tally.take()
    versions = {f'versions/shard_{i}': v for i, v in enumerate(self._look.versions)}
    self._writer.scalars(self._steps, {**scalars, **versions})
    self._display.progress(
      steps=self._steps,
      num_steps=self._config.num_steps,
      loss=scalars.get('train/loss'),
      accuracy=self._evaluator.accuracy,
      examples_per_second=self._tally.examples_per_second(),
      staleness=scalars.get('staleness/mean'),
      phase=self._phase,
    )

  def _row(self, now: float) -> metrics.Evaluation:
    losses, self._losses = self._losses, []
    return metrics.Evaluation(
      seconds=now - self._origin,
      steps=self._steps,
      examples=self._steps * self._config.data.batch_size,
      updates=int(self._look.versions.min()),
      train_loss=float(np.mean(losses)) if losses else _NAN,
      holdout_loss=_NAN,
      holdout_accuracy=_NAN,
    )

  def _save(self) -> None:
    """Writes a checkpoint; every step that it counts is on record before."""
    states = self._server.snapshot()
    seconds = time.time() - self._origin
    self._record(self._server.look().logs)
    self._checkpoints.write(checkpoints.from_states(states, seconds, self._launch))

  # The end.

  def _finish(self) -> None:
    config, workdir = self._config, self._workdir
    # The last windows bring the times of the last pushes.
    deadline = time.time() + _LAST_WINDOWS_SECONDS
    while self._windows.under_way and time.time() < deadline:
      self._next_window(timeout=_LOOK_SECONDS)
    self._windows.close()
    if self._origin is None:  # There was nothing left to do.
      self._ended = time.time()
      self._origin = self._ended - self._earlier_seconds
      self._startup_seconds = self._ended - self._started
    self._evaluator.finish(self._row(self._ended))
    self._show()
    self._save()
    self._objective.export(self._server.parameters(), str(workdir / 'model.keras'))
    self._writer.close()
    self._recorder.close()

    everything = records.read(workdir)
    derived = pushes.derive(everything, config.downpour.warmstart_steps)
    pushes.write_csv(derived, workdir / 'pushes.csv')
    seconds = self._ended - self._origin
    restarts = np.maximum(self._look.incarnations - self._first_incarnations, 0).sum()
    new_steps = self._steps - (self._resumed_from or 0)
    new_seconds = max(seconds - self._earlier_seconds, 1e-9)
    fields = {
      'algorithm': config.algorithm,
      'clock': 'cluster',
      'seconds': seconds,
      'startup_seconds': self._startup_seconds,
      'steps': self._steps,
      'examples': self._steps * config.data.batch_size,
      'examples_per_second': new_steps * config.data.batch_size / new_seconds,
      'updates': int(self._look.versions.min()),
      'holdout_accuracy': self._evaluator.accuracy,
      'target_accuracy': config.target_accuracy,
      'seconds_to_target': summary.seconds_to_target(
        metrics.read_csv(workdir), config.target_accuracy
      ),
      'staleness': summary.staleness(derived),
      'steps_by_status': summary.status_counts(everything),
      'steps_returned': self._look.returned,
      'replicas': summary.replica_table(
        self._recorder.records,
        self._num_replicas,
        config.downpour.overlap,
        config.downpour.warmstart_steps,
        everything,
      ),
      'failures_survived': int(restarts) - self._reclaimed,
      'resumed_from': self._resumed_from,
      'provenance': self._provenance,
    }
    summary.write(workdir / 'summary.json', fields)
    for line in summary.headline(config, fields).splitlines():
      self._display.message(line)
