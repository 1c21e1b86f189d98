"""How far the clocks of a run's tasks are apart, told by what must come before what.

A push is applied after it was sent and before its sender knows. So with the replica's
clock and the shard's each push says: applied_at - push_end <= the shard's clock less the
replica's <= applied_at - push_start. Where these bounds leave 0 out, by more than
noise, times are moved to the clock of shard 0. A synchronous run's are worker 0's already
(telemetry/barrier.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distbelief.telemetry import steps

_TOLERANCE = 1e-3  # Seconds that one machine's own clock may seem to be off.

_REPLICA_TIMES = (
  *(name for name in steps.COLUMNS if name.endswith(('_start', '_end'))),
  'push_start',
  'push_end',
)


class Offsets(NamedTuple):
  """What to add to a time to have it on the clock of shard 0, in seconds."""

  replicas: np.ndarray  # [replicas].
  shards: np.ndarray  # [shards].
  uncertainty: float  # Half of the widest interval that was left, of those moved.

  @property
  def moved(self) -> bool:
    """Whether any clock differs."""
    return bool(np.any(self.replicas) or np.any(self.shards))

  def describe(self) -> str:
    """Returns how times are aligned, a line."""
    if not self.moved:
      return 'the clocks agree as far as the pushes tell: times are as recorded'
    moved = [
      f'{name} {index} by {offset:+.3f} s'
      for name, offsets in (('replica', self.replicas), ('shard', self.shards))
      for index, offset in enumerate(offsets)
      if offset
    ]
    return (
      f'times are moved to the clock of shard 0 ({", ".join(moved)}), which the pushes '
      f'tell to within {1e3 * self.uncertainty:.1f} ms'
    )


def offsets(records: np.ndarray) -> Offsets:
  """Returns what aligns the times of some records.

  Args:
    records: [steps], of telemetry.records.
  """
  num_replicas = int(records['replica'].max(initial=-1)) + 1
  num_shards = records['status'].shape[1]
  replicas, shards = np.zeros([num_replicas]), np.zeros([num_shards])
  left = [0.0]
  applied = (records['status'] == steps.Status.APPLIED) & records['pushed'][:, np.newaxis]
  with np.errstate(invalid='ignore'):
    earliest = records['applied_at'] - records['push_end'][:, np.newaxis]
    latest = records['update_end'] - records['push_start'][:, np.newaxis]
  known = applied & ~np.isnan(earliest) & ~np.isnan(latest)
  for replica in range(num_replicas):
    mine = known[:, 0] & (records['replica'] == replica)
    replicas[replica] = _midpoint(earliest[mine, 0], latest[mine, 0], left)
  own = replicas[records['replica']] if len(records) else np.zeros([0])
  for shard in range(1, num_shards):
    mine = known[:, shard]
    shards[shard] = -_midpoint(
      earliest[mine, shard] - own[mine], latest[mine, shard] - own[mine], left
    )
  return Offsets(replicas, shards, max(left))


def _midpoint(earliest: np.ndarray, latest: np.ndarray, left: list[float]) -> float:
  """Returns the middle of the interval that all pushes leave, or 0 if that lies in it."""
  if not len(earliest):
    return 0.0
  low, high = float(earliest.max()), float(latest.min())
  if low - _TOLERANCE <= 0.0 <= high + _TOLERANCE:
    return 0.0
  left.append(abs(high - low) / 2)
  return (low + high) / 2


def align(records: np.ndarray, found: Offsets) -> np.ndarray:
  """Returns records with all times on the clock of shard 0."""
  if not found.moved:
    return records
  records = records.copy()
  shift = found.replicas[records['replica']]
  for name in _REPLICA_TIMES:
    records[name] += shift
  for name in ('applied_at', 'update_end'):
    records[name] += found.shards
  return records
