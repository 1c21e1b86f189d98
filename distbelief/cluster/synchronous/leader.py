"""The leader, worker 0 where there is no chief: it keeps the run's directory."""

from __future__ import annotations

import collections
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from distbelief.algorithms.statistics import Weights
from distbelief.cluster.synchronous.replica import State
from distbelief.models.objective import Objective
from distbelief.rundir import checkpoints
from distbelief.rundir.recorder import RunRecorder
from distbelief.telemetry import barrier, steps, swarm
from distbelief.telemetry.steps import LOG_COLUMN

_MOST_BEHIND = 4  # Windows waiting to be recorded before training waits as well.


class Start(NamedTuple):
  """The initial state of a launch, as NumPy arrays."""

  values: np.ndarray  # [1 + slots, P] float32: parameters, then the rule's slots.
  statistics: np.ndarray  # [S] float32.
  next_steps: np.ndarray  # [replicas] int64, next step of each replica.
  done: np.ndarray  # [] int64, minibatches.
  version: np.ndarray  # [] int64, updates.
  launch: np.ndarray  # [] int64, its index.

  @classmethod
  def zeros(
    cls, num_values: int, num_parameters: int, num_statistics: int, num_replicas: int
  ) -> Start:
    """Returns zeros, which add nothing to another worker's Start."""
    none = np.zeros([], np.int64)
    return cls(
      np.zeros([num_values, num_parameters], np.float32),
      np.zeros([num_statistics], np.float32),
      np.zeros([num_replicas], np.int64),
      done=none,
      version=none,
      launch=none,
    )

  def state(self, replica: int, objective: Objective) -> State:
    """Returns the initial state of a replica."""
    layout = objective.layout
    params, *slots = (layout.unflatten(tf.constant(v)) for v in self.values)
    statistics = objective.statistics_layout.unflatten(tf.constant(self.statistics))
    return State(
      step=tf.constant(self.next_steps[replica]),
      version=tf.constant(self.version),
      ready_at=tf.timestamp(),
      weights=Weights(params, statistics),
      slots=list(zip(*slots)) if slots else [() for _ in params],
    )


class Leader:
  """Feeds the recorder from a thread of its own, so that training goes on meanwhile."""

  def __init__(
    self,
    recorder: RunRecorder,
    objective: Objective,
    num_replicas: int,
  ) -> None:
    """Restores the state of the run.

    Args:
      recorder: Recorder of this launch.
      objective: Objective of the run.
      num_replicas: Number of replicas of this launch.
    """
    self._recorder, self._objective = recorder, objective
    checkpoint = recorder.checkpoint
    # Replicas of earlier launches keep their rows.
    gone = checkpoint.clients.max(axis=0)[num_replicas:]
    own = np.tile(np.array(steps.NO_CLIENT), [num_replicas, 1])
    own[: len(checkpoint.clients[0])] = checkpoint.clients[0, :num_replicas]
    own[:, steps.INCARNATION] = recorder.launch
    self._own, self._gone = own, gone
    self._thread = concurrent.futures.ThreadPoolExecutor(1, 'leader')
    self._jobs: collections.deque[concurrent.futures.Future] = collections.deque()

  @property
  def start(self) -> Start:
    """The initial state of this launch."""
    checkpoint = self._recorder.checkpoint
    return Start(
      np.concatenate([checkpoint.parameters[np.newaxis], checkpoint.slots]),
      checkpoint.statistics,
      self._own[:, steps.NEXT_STEP],
      np.array(checkpoint.steps, np.int64),
      np.array(checkpoint.versions.max(), np.int64),
      np.array(self._recorder.launch, np.int64),
    )

  def add(
    self, updates: int, reported: np.ndarray, sketches: np.ndarray, state: State
  ) -> None:
    """Takes a window's records, and the state after it; raises earlier errors.

    Args:
      updates: Number of updates in the window.
      reported: Rows that the replicas reported, [replicas, updates, LOG_COLUMNS + row]
        float64; empty: steps are not recorded.
      sketches: Sketches of all parameters and of gradients, [replicas, 2, DIMENSION]
        float32; empty: no samples.
      state: State of worker 0, which is that of all others but for `step`.
    """
    self._submit(self._add, updates, reported, sketches, state)

  def save(self, state: State) -> bool:
    """Writes a checkpoint of the last state; returns False if it has no new steps."""
    self._drain(0)
    if self._recorder.started:
      self._recorder.save(self._checkpoint(state))
    return self._recorder.started

  def close(
    self, state: State, more: dict[str, Any], is_stopped: Callable[[], bool]
  ) -> None:
    """Finishes the run; see RunRecorder.close."""
    self._drain(0)
    self._thread.shutdown()
    self._recorder.close(
      lambda: self._checkpoint(state),
      _versions(state),
      lambda: state.weights,
      more,
      is_stopped,
    )

  def _submit(self, job: Callable[..., None], *args: Any) -> None:
    self._jobs.append(self._thread.submit(job, *args))
    self._drain(_MOST_BEHIND)

  def _drain(self, most: int) -> None:
    while self._jobs and (len(self._jobs) > most or self._jobs[0].done()):
      self._jobs.popleft().result()

  def _add(
    self, updates: int, reported: np.ndarray, sketches: np.ndarray, state: State
  ) -> None:
    if reported.size:
      log, travelled = barrier.to_log(reported)
      self._recorder.record(0, log)
      nothing_pending = log[:0, len(LOG_COLUMN) :]
      for key, pushes in travelled.items():
        self._recorder.record_window(key, pushes, nothing_pending)
    self._own[:, steps.SEQUENCE] = self._own[:, steps.NEXT_STEP] + updates - 1
    self._own[:, steps.NEXT_STEP] += updates
    self._own[:, steps.COUNTED] += updates
    if len(sketches):
      self._recorder.record_samples(*self._samples(sketches, float(state.ready_at)))
    counted = self._clients()[0, :, steps.COUNTED].sum()
    self._recorder.look(int(counted), _versions(state), lambda: state.weights)
    if self._recorder.save_due:
      self._recorder.save(self._checkpoint(state))

  def _samples(self, sketches: np.ndarray, now: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns samples for RunRecorder.record_samples; all replicas are at one point."""
    marks = np.zeros([len(sketches), len(swarm.MARKS)])
    marks[:, 0], marks[:, 1] = now, np.arange(len(sketches))
    marks[:, 2:] = self._own[:, [steps.INCARNATION, steps.NEXT_STEP]]
    return marks, sketches[:, [0, 0, 1]]

  def _checkpoint(self, state: State) -> checkpoints.Checkpoint:
    layout = self._objective.layout
    statistics = self._objective.statistics_layout

    def flat(tensors: Sequence[tf.Tensor]) -> np.ndarray:
      return layout.flatten(tensors).numpy()

    return checkpoints.Checkpoint(
      parameters=flat(state.weights.params),
      slots=np.array([flat(slot) for slot in zip(*state.slots)], np.float32).reshape(
        [-1, layout.size]
      ),
      statistics=statistics.flatten(state.weights.statistics).numpy(),
      versions=_versions(state),
      clients=self._clients(),
      released=np.array(1, np.int64),
      seconds=np.array(self._recorder.seconds, np.float64),
      launch=np.array(self._recorder.launch, np.int64),
    )

  def _clients(self) -> np.ndarray:
    return np.concatenate([self._own, self._gone])[np.newaxis]


def _versions(state: State) -> np.ndarray:
  return state.version.numpy()[np.newaxis]
