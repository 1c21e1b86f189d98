"""Running figures for the progress line and for TensorBoard, from the shards' logs."""

from __future__ import annotations

import collections

import numpy as np

from distbelief.algorithms import downpour
from distbelief.telemetry import steps

_NUM_MARKS = len(steps.LOG_COLUMNS)
_RATE_SECONDS = 5.0  # Examples/s is over the last so many seconds.


def _mean(values: list[float]) -> float:
  return float(np.mean(values)) if values else float('nan')


class Tally:
  """What happened since somebody last asked, and how fast it goes."""

  def __init__(self, batch_size: int) -> None:
    """Starts from nothing."""
    self._batch_size = batch_size
    self._losses: list[float] = []
    self._accuracies: list[float] = []
    self._staleness: list[int] = []
    self._progress: collections.deque[tuple[float, int]] = collections.deque()

  def add_log(self, shard: int, log: np.ndarray) -> None:
    """Adds rows of a shard's log; losses are taken from shard 0 alone."""
    log = log[log[:, steps.LOG_COLUMN['status']] == steps.Status.APPLIED]
    rows = log[:, _NUM_MARKS:]
    if shard == 0:
      self._losses += rows[:, steps.COLUMN['loss']].tolist()
      self._accuracies += rows[:, steps.COLUMN['accuracy']].tolist()
    if len(log):  # A push's rows stand together and share the version it made.
      version, held = log[:, 0], rows[:, len(steps.COLUMNS) + shard]
      first = np.flatnonzero(np.r_[True, version[1:] != version[:-1]])
      oldest = np.minimum.reduceat(held, first)
      self._staleness += downpour.staleness(version[first], oldest).astype(int).tolist()

  def add_progress(self, now: float, applied: int) -> None:
    """Adds how many minibatches have been applied by the time `now`, in seconds."""
    self._progress.append((now, applied))
    while now - self._progress[0][0] > _RATE_SECONDS and len(self._progress) > 2:
      self._progress.popleft()

  def examples_per_second(self) -> float:
    """Returns the rate over the last seconds."""
    if len(self._progress) < 2:
      return 0.0
    (start, before), (end, after) = self._progress[0], self._progress[-1]
    return self._batch_size * (after - before) / max(end - start, 1e-9)

  def take(self) -> dict[str, float]:
    """Returns the scalars since the last time, by TensorBoard's tag; forgets them."""
    scalars = {
      'train/loss': _mean(self._losses),
      'train/accuracy': _mean(self._accuracies),
      'staleness/mean': _mean(self._staleness),
      'staleness/max': float(max(self._staleness, default=float('nan'))),
      'throughput/examples_per_second': self.examples_per_second(),
    }
    self._losses, self._accuracies, self._staleness = [], [], []
    return {tag: value for tag, value in scalars.items() if value == value}
