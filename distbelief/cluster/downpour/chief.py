"""The chief: connects the cluster, drives the replicas, keeps the run's directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from distbelief.algorithms.sharding import Sharding
from distbelief.cluster import lost_peers, rendezvous
from distbelief.cluster.downpour import shard_checkpoint
from distbelief.cluster.downpour.parameter_server import ParameterServer, ServerStatus
from distbelief.cluster.downpour.window import Replica, WindowResult
from distbelief.cluster.downpour.windows import Windows
from distbelief.cluster.stop_signals import Stopped, StopSignals
from distbelief.problem import factory
from distbelief.rundir import checkpoints
from distbelief.rundir.context import RunContext
from distbelief.rundir.recorder import RunRecorder
from distbelief.telemetry.steps import INCARNATION

_POLL_SECONDS = 0.2  # Between two polls of the shards.
# Time without progress, though all steps are granted and no window runs, after which a
# replica whose steps are not counted is declared dead. Longer than a worker's restart.
_PATIENCE_SECONDS = 30.0

# For windows that are under way when all steps are done; they get no steps.
_LAST_WINDOWS_SECONDS = 10.0


class Chief:
  """One launch of a run, from connecting to summary.json."""

  def __init__(
    self,
    context: RunContext,
    tf_config: Mapping[str, Any],
    check_agreement: Callable[[], None],
    wait_for_preflight: Callable[[], None],
  ) -> None:
    """Stores the arguments; does not connect yet.

    Args:
      context: Context of the launch.
      tf_config: Cluster, as in TF_CONFIG.
      check_agreement: Function that is called when all tasks answer; raises if they
        differ.
      wait_for_preflight: Function that is called when all tasks are connected, before
        the model and the data are touched.
    """
    self._context, self._addresses = context, tf_config['cluster']
    self._config, self._workdir, self._display, _ = context
    self._check_agreement = check_agreement
    self._wait_for_preflight = wait_for_preflight
    self._num_replicas = len(self._addresses['worker'])
    self._num_shards = len(self._addresses['ps'])
    self._reclaimed = 0  # Replicas that were declared dead.
    self._signals = StopSignals()
    self._status: ServerStatus  # Of the last poll.
    self._steps = 0  # Minibatches that every shard has counted.

  def run(self) -> None:
    """Trains to the end.

    Raises:
      SystemExit: After SIGTERM or SIGINT, with a checkpoint written.
      errors.LostPeerError: If a task that the run needs is gone.
    """
    self._signals.handle()
    try:
      with lost_peers.translated():
        rendezvous.wait_for_tasks(
          self._addresses, self._config.cluster.start_timeout, self._display.message
        )
        self._check_agreement()
        self._connect()
        self._wait_for_preflight()
        self._display.preparing('tracing a training step')
        self._build()
        self._signals.in_training = True
        self._train()
        self._finish()
    except Stopped:
      if self._signals.in_training and self._recorder.started:
        self._save()
        self._display.message(f'checkpoint written at step {self._steps}')
      raise SystemExit(self._signals.exit_status) from None

  def _connect(self) -> None:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
      tf.train.ClusterSpec(dict(self._addresses)),
      rpc_layer='grpc',
      task_type='chief',
      task_id=0,
    )
    self._strategy = tf.distribute.ParameterServerStrategy(resolver)
    self._coordinator = tf.distribute.coordinator.ClusterCoordinator(self._strategy)

  def _build(self) -> None:
    config = self._config
    source = factory.make_source(config)
    source.keep(self._workdir / 'data')
    objective = factory.make_objective(config, source)
    sharding = Sharding(objective.shapes, self._num_shards)
    rule = factory.make_server_rule(config, objective, sharding)
    self._recorder = RunRecorder(
      self._context,
      objective,
      source,
      rule.rule,
      self._num_replicas,
      self._num_shards,
    )
    restored = shard_checkpoint.to_states(
      self._recorder.checkpoint, sharding.sizes, self._recorder.newest_incarnations
    )
    self._first_incarnations = np.array(restored[0].clients)[:, INCARNATION] + 1
    self._server = ParameterServer(
      sharding,
      objective.statistics_shapes,
      rule,
      self._num_replicas,
      restored,
      config.telemetry.records,
      config.seed,
    )
    replica = Replica(
      config, self._num_replicas, self._strategy, objective, source, self._server
    )
    with self._strategy.scope():  # Else the first window would do it.
      replica.window.get_concrete_function()
    self._windows = Windows(self._coordinator, replica.window, 2 * self._num_replicas)
    self._display.preparing('first step: each worker optimises its graph')

  # Training.

  def _train(self) -> None:
    config = self._config
    self._observe()
    warm = config.downpour.warmstart_steps
    if self._steps < warm:
      self._run_phase('warm start', warm, alone=True)
    self._run_phase('training', config.num_steps, alone=False)

  def _run_phase(self, name: str, limit: int, alone: bool) -> None:
    """Has replicas do the pool's steps until the shards have counted `limit`.

    Args:
      name: Name of the phase, for the progress line.
      limit: Number of steps in all since the run began.
      alone: Whether only replica 0 does them.
    """
    self._recorder.phase = name
    self._server.pool.open(
      tf.constant(limit, tf.int64), tf.constant(int(alone), tf.int64)
    )
    # Two windows per worker, so that each finds its next one waiting.
    self._windows.start(2 * self._num_replicas)
    left, next_poll = limit - self._steps, time.monotonic()
    last_news = time.monotonic()
    while self._steps < limit:
      if self._signals.number:
        raise Stopped
      result = self._next_window(timeout=max(0.0, next_poll - time.monotonic()))
      if result is not None and result.taken:
        self._windows.start(1)
      if time.monotonic() < next_poll and (left or result is None):
        continue
      before = self._steps
      left = self._observe()
      next_poll = time.monotonic() + _POLL_SECONDS
      if self._steps > before:
        last_news = time.monotonic()
      elif time.monotonic() - last_news > _PATIENCE_SECONDS:
        last_news = time.monotonic()
        if self._recorder.started:
          self._display.message(f'no step was applied for {_PATIENCE_SECONDS:g} s')
        if not left and not self._windows.under_way:
          self._reclaim()
      if left:
        self._windows.start(2 * self._num_replicas)
      elif not self._windows.under_way and self._steps < limit:
        # All steps are granted and no window runs, yet some are not counted: windows of
        # length 0 push accrued gradients. They run on any free worker: it takes several.
        self._windows.start(self._num_replicas)

  def _next_window(self, timeout: float) -> WindowResult | None:
    result = self._windows.next(timeout)
    if result is not None:
      key = (int(result.replica), int(result.incarnation))
      self._recorder.record_window(key, result.pushes, result.pending)
      self._recorder.record_samples(*result.samples)
    return result

  def _reclaim(self) -> None:
    """Gives the steps of replicas that do not answer back to the pool."""
    for replica in self._status.behind:
      self._display.message(f'replica {replica} is gone: others do its steps')
      self._server.reclaim(int(replica))
      self._reclaimed += 1

  def _observe(self) -> int:
    """Polls the shards: records, shows, saves, evaluates; returns the steps left."""
    self._status = status = self._read_logs()
    self._steps = status.steps
    self._recorder.look(status.steps, status.versions, self._server.weights)
    if self._recorder.save_due:
      self._save()
    return status.left

  def _read_logs(self) -> ServerStatus:
    status = self._server.poll()
    for shard, log in enumerate(status.logs):
      self._recorder.record(shard, log)
    return status

  def _save(self) -> None:
    self._recorder.save(self._checkpoint())

  def _checkpoint(self) -> checkpoints.Checkpoint:
    """Returns a checkpoint; every step that it counts is recorded before."""
    snapshots = self._server.snapshot()
    seconds = self._recorder.seconds
    self._read_logs()
    sizes = self._server.sharding.sizes
    return shard_checkpoint.from_states(snapshots, sizes, seconds, self._recorder.launch)

  def _finish(self) -> None:
    # The last windows return the times of the last pushes.
    deadline = time.monotonic() + _LAST_WINDOWS_SECONDS
    while self._windows.under_way and time.monotonic() < deadline:
      self._next_window(timeout=_POLL_SECONDS)
    self._windows.close()
    status = self._status
    restarts = np.maximum(status.incarnations - self._first_incarnations, 0).sum()
    more = {
      'steps_returned': status.returned,
      'failures_survived': int(restarts) - self._reclaimed,
    }
    self._recorder.close(
      self._checkpoint,
      status.versions,
      self._server.weights,
      more,
      lambda: bool(self._signals.number),
    )
