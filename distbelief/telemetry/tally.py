"""Running figures for the progress line and for TensorBoard, from the shards' logs."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from distbelief.algorithms.catalog import Algorithm
from distbelief.algorithms.traffic import Exchange
from distbelief.telemetry import steps

_NUM_MARKS = len(steps.LOG_COLUMNS)
_UPDATE = [steps.LOG_COLUMN['applied_at'], steps.LOG_COLUMN['update_end']]
_RATE_SECONDS = 5.0  # Examples/s is over the last so many seconds.


class Figures(NamedTuple):
  """Figures of the interval since the last `take`, by TensorBoard's tag."""

  scalars: dict[str, float]
  histograms: dict[str, np.ndarray]


class Tally:
  """Counts what happened since the last `take`, and the current throughput."""

  def __init__(
    self,
    algorithm: Algorithm,
    batch_size: int,
    shard_bytes: Sequence[int] = (),
    num_replicas: int = 1,
  ) -> None:
    """Creates an empty tally.

    Args:
      algorithm: Algorithm of the run.
      batch_size: Number of examples in a minibatch.
      shard_bytes: Bytes that each shard sends with a fetch, and receives with a push.
      num_replicas: Number of replicas that take part in an update.
    """
    self._algorithm, self._num_replicas = algorithm, num_replicas
    self._batch_size, self._shard_bytes = batch_size, shard_bytes
    self._logs: dict[int, list[np.ndarray]] = {}  # By shard.
    self._shard_until: dict[int, float] = {}  # The last update that was taken.
    self._replica_until: dict[int, float] = {}  # And the last step.
    self._progress: collections.deque[tuple[float, int]] = collections.deque()

  def add_log(self, shard: int, log: np.ndarray) -> None:
    """Adds rows of a shard's log; pushes that are not applied do not count."""
    log = log[log[:, steps.LOG_COLUMN['status']] == steps.Status.APPLIED]
    if len(log):
      self._logs.setdefault(shard, []).append(log)

  def add_progress(self, now: float, applied: int) -> None:
    """Adds the number of minibatches applied by the time `now`, in seconds."""
    self._progress.append((now, applied))
    while now - self._progress[0][0] > _RATE_SECONDS and len(self._progress) > 2:
      self._progress.popleft()

  def examples_per_second(self) -> float:
    """Returns the rate over the last seconds."""
    if len(self._progress) < 2:
      return 0.0
    (start, before), (end, after) = self._progress[0], self._progress[-1]
    return self._batch_size * (after - before) / max(end - start, 1e-9)

  def take(self) -> Figures:
    """Returns the figures since the last call, and resets the counters."""
    scalars = {'throughput/examples_per_second': self.examples_per_second()}
    ages: dict[str, list[np.ndarray]] = {}
    travelled = []  # Bytes per second.
    for shard, parts in sorted(self._logs.items()):
      log = np.concatenate(parts)
      stale, replicas, pushes = _staleness(log)
      for replica in np.unique(replicas):
        own = stale[replicas == replica]
        ages.setdefault(f'staleness/replica_{replica}', []).append(own)
      ages[f'staleness/shard_{shard}'] = [stale]
      began, ended = log[pushes][:, _UPDATE].T
      seconds = self._since(self._shard_until, shard, _started(log), ended)
      if seconds:
        held = (ended - began).sum()
        scalars[f'utilisation/shard_{shard}_updating'] = float(held / seconds)
        if shard < len(self._shard_bytes):
          sent = self._algorithm.count_bytes(
            self._exchange(log, len(pushes)), self._shard_bytes[shard]
          )
          travelled.append(sent / seconds)
        if shard == 0:
          scalars['throughput/updates_per_second'] = len(pushes) / seconds
      if shard == 0:  # Every shard logs every step.
        scalars |= dict(self._of_steps(log))
    if travelled:
      scalars['throughput/megabytes_per_second'] = float(sum(travelled) / 1e6)
    histograms = {tag: np.concatenate(parts) for tag, parts in ages.items()}
    of_shards = [v for tag, v in histograms.items() if 'shard' in tag]
    if of_shards:
      everything = np.concatenate(of_shards)
      scalars['staleness/mean'] = float(everything.mean())
      scalars['staleness/max'] = float(everything.max())
    self._logs = {}
    return Figures({tag: v for tag, v in scalars.items() if v == v}, histograms)

  def _of_steps(self, log: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yields figures of the replicas from the log of shard 0."""
    rows = log[:, _NUM_MARKS:]
    column = {name: rows[:, index] for name, index in steps.COLUMN.items()}
    column['update_end'] = log[:, steps.LOG_COLUMN['update_end']]
    yield 'train/loss', float(column['loss'].mean())
    yield 'train/accuracy', float(column['accuracy'].mean())
    held = rows[column['fresh'] == 1, len(steps.COLUMNS) :]
    if held.shape[1] > 1 and len(held):
      yield 'staleness/version_skew', float(np.ptp(held, axis=1).mean())
    waits = []
    for replica in np.unique(column['replica']).astype(int):
      own = {
        name: values[column['replica'] == replica] for name, values in column.items()
      }
      started = np.fmin(own['wait_start'], own['compute_start'])
      seconds = self._since(self._replica_until, replica, started, own['compute_end'])
      if not seconds:
        continue
      computing = np.sum(own['compute_end'] - own['compute_start']) / seconds
      waiting = own['opens_window'] == 0  # The rest is time between two windows.
      waited = np.nansum((own['wait_end'] - own['wait_start'])[waiting])
      if self._algorithm.waits_between_steps:  # As analysis/utilisation has it.
        between = own['compute_start'][1:] - own['update_end'][:-1]
        waited += np.maximum(between, 0).sum()
      waits.append(waited / seconds)
      yield f'utilisation/replica_{replica}_computing', float(min(computing, 1.0))
      yield f'utilisation/replica_{replica}_waiting', float(min(waits[-1], 1.0))
    if waits:
      yield 'utilisation/waiting', float(min(np.mean(waits), 1.0))

  def _exchange(self, log: np.ndarray, num_versions: int) -> Exchange:
    """Returns the exchanges in a shard's log."""
    fetch_ends = log[:, _NUM_MARKS + steps.COLUMN['fetch_end']]
    fetches = int((~np.isnan(fetch_ends)).sum())
    return Exchange(fetches, num_versions, num_versions, self._num_replicas)

  def _since(
    self, until: dict[int, float], key: int, starts: np.ndarray, ends: np.ndarray
  ) -> float:
    """Returns the seconds from the last end of the previous call to the last end now.

    Args:
      until: Last end by key; updated.
      key: Replica or shard.
      starts: Starts of the rows; the first one counts if there was no previous call.
      ends: Ends of the same rows.
    """
    before = until.get(key, float(starts.min()))
    until[key] = max(before, float(ends.max()))
    return until[key] - before


def _staleness(log: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns the staleness, the replica and the first row of each push."""
  version = log[:, steps.LOG_COLUMN['version_applied']]
  # The rows of a push are adjacent and share the version that it made.
  first = np.flatnonzero(np.r_[True, version[1:] != version[:-1]])
  stale = log[first, steps.LOG_COLUMN['staleness']].astype(int)
  replicas = log[first, _NUM_MARKS + steps.COLUMN['replica']].astype(int)
  return stale, replicas, first


def _started(log: np.ndarray) -> np.ndarray:
  """Returns when each step started."""
  rows = log[:, _NUM_MARKS:]
  return np.fmin.reduce([rows[:, steps.COLUMN[name]] for name in steps.STARTS])
