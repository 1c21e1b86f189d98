"""A worker that trains without a parameter server: in step with the others, or alone.

All workers do the same; worker 0 keeps the run's directory as well (leader.py).
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import errors
from distbelief.algorithms import synchronous
from distbelief.cluster import lost_peers
from distbelief.cluster.stop_signals import Stopped, StopSignals
from distbelief.cluster.synchronous.collectives import Alone, Ring
from distbelief.cluster.synchronous.leader import Leader, Start
from distbelief.cluster.synchronous.replica import Replica
from distbelief.problem import factory
from distbelief.rundir import workdirs
from distbelief.rundir.context import RunContext
from distbelief.rundir.recorder import RunRecorder

# Time between two agreements of the workers whether to go on; each takes some 20 ms.
_WINDOW_SECONDS = 1.0


class Worker:
  """One worker's part in one launch of a run."""

  def __init__(
    self,
    context: RunContext,
    tf_config: Mapping[str, Any],
    check_agreement: Callable[[], None],
    wait_for_preflight: Callable[[], None],
  ) -> None:
    """Does not connect yet; TensorFlow's runtime must not have started.

    Args:
      context: Context of the launch; its display is used by worker 0 only.
      tf_config: Cluster and this task, as in TF_CONFIG.
      check_agreement: Function that is called when all workers answer; raises if they
        differ.
      wait_for_preflight: Function that is called when all workers are connected, before
        the model and the data are touched.
    """
    self._check_agreement = check_agreement
    self._wait_for_preflight = wait_for_preflight
    self._context = context
    self._config, self._workdir, self._display, _ = context
    self._is_alone = config_lib.algorithm(self._config).single_process
    self._addresses = tf_config['cluster']['worker']
    self._index = tf_config['task']['index']
    self._signals = StopSignals()
    self._leader: Leader | None = None  # On worker 0 only.

  def run(self) -> None:
    """Trains to the end.

    Raises:
      SystemExit: After SIGTERM or SIGINT to any worker, with a checkpoint written.
      errors.LostPeerError: If a worker is gone: then no worker can go on.
    """
    self._signals.handle()
    try:
      self._collective = self._connect()
      self._wait_for_preflight()
      if self._index == 0:
        self._display.preparing('first step: each worker traces and optimises it')
      self._build()
      self._signals.in_training = True
      self._train()
      self._finish()
    except Stopped:
      if self._signals.in_training:
        if self._leader and self._leader.save(self._state):
          self._display.message(f'checkpoint written at step {self._done}')
        self._leave()
      raise SystemExit(self._signals.exit_status) from None

  def _connect(self) -> Alone:
    if self._is_alone:
      return Alone()
    leads = self._index == 0
    log = self._display.message if leads else functools.partial(print, flush=True)
    timeout = self._config.cluster.start_timeout
    with lost_peers.translated():
      return Ring(self._addresses, self._index, timeout, log, self._check_agreement)

  def _together(self, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function that all workers must call; one process has no peers to lose."""
    if self._is_alone:
      return function(*args)
    with lost_peers.translated():
      return function(*args)

  def _build(self) -> None:
    config, collective = self._config, self._collective
    self._sum = tf.function(
      functools.partial(collective.run, collective.sum), autograph=False
    )
    source = factory.make_source(config)
    objective = factory.make_objective(config, source)
    rule = synchronous.load_rule(config.server, collective.num_replicas)
    mine = Start.zeros(
      1 + len(rule.slots),
      objective.layout.size,
      objective.statistics_layout.size,
      collective.num_replicas,
    )
    if self._index == 0:
      recorder = RunRecorder(
        self._context,
        objective,
        source,
        rule,
        collective.num_replicas,
        num_shards=1,
      )
      self._leader = Leader(recorder, objective, collective.num_replicas)
      mine = self._leader.start
    # Only worker 0 knows the state of the run; the others add zeros.
    start = Start(
      *(self._together(self._sum, tf.constant(part)).numpy() for part in mine)
    )
    self._done = int(start.done)
    self._state = start.state(self._index, objective)
    minibatches = source.minibatches(
      self._index, collective.num_replicas, self._state.step, config.data.batch_size
    )
    self._replica = Replica(
      config, collective, objective, rule, minibatches, int(start.launch)
    )

  def _train(self) -> None:
    """Does windows of steps until all are done; stops if any worker got a signal."""
    num_updates = 1
    while self._done < self._config.num_steps:
      began = time.monotonic()
      wish = tf.constant([self._bounded(num_updates), self._signals.number], tf.int64)
      self._state, *found = self._together(self._replica.window, self._state, wish)
      agreed, reported, sketches = (tensor.numpy() for tensor in found)
      if agreed[1]:
        self._signals.number = int(agreed[1])
        raise Stopped
      self._done += int(agreed[0]) * self._collective.num_replicas
      if self._leader:
        self._leader.add(int(agreed[0]), reported, sketches, self._state)
      each = (time.monotonic() - began) / agreed[0]
      num_updates = int(np.clip(_WINDOW_SECONDS / each, 1, 2 * num_updates))

  def _bounded(self, num_updates: int) -> int:
    """Returns the number of updates, or fewer: to the next evaluation, or to the end."""
    every, replicas = self._config.eval_steps, self._collective.num_replicas
    following = min(every * (self._done // every + 1), self._config.num_steps)
    return min(num_updates, -(-(following - self._done) // replicas))

  def _finish(self) -> None:
    if self._leader:
      more = {'communication': self._collective.description}
      self._leader.close(self._state, more, lambda: bool(self._signals.number))
    self._leave()
    if not (self._leader or workdirs.is_finished(self._config, self._workdir)):
      raise errors.LostPeerError(
        'worker 0 was lost before it had written the summary; the same command resumes'
      )

  def _leave(self) -> None:
    """Waits for worker 0, which still reads from the others."""
    with contextlib.suppress(tf.errors.OpError):
      self._sum(tf.constant(0.0))
