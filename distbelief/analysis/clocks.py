"""Estimates the offsets between the clocks of a run's tasks from the order of events.

A push is applied after it was sent and before its sender gets the answer. So each push
bounds the offset of the shard's clock from the replica's: applied_at - push_end <= offset
<= applied_at - push_start. Where these bounds exclude 0, by more than noise, times are
moved to the clock of shard 0. Times of a synchronous run are on worker 0's clock already
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
  """Seconds to add to a task's times to convert them to the clock of shard 0."""

  replicas: np.ndarray  # [replicas].
  shards: np.ndarray  # [shards].
  uncertainty: float  # Half of the widest interval of a clock that was moved.
  contradictory: tuple[str, ...]  # Tasks whose pushes give contradictory bounds.

  @property
  def moved(self) -> bool:
    """Whether any clock differs."""
    return bool(np.any(self.replicas) or np.any(self.shards))

  def describe(self) -> str:
    """Returns a line on how times are aligned."""
    moved = [
      f'{name} {index} by {offset:+.3f} s'
      for name, offsets in (('replica', self.replicas), ('shard', self.shards))
      for index, offset in enumerate(offsets)
      if offset
    ]
    told = 'the clocks agree within the bounds of the pushes: times are as recorded'
    if moved:
      told = (
        f'times are moved to the clock of shard 0 ({", ".join(moved)}), which the pushes '
        f'determine to within {1e3 * self.uncertainty:.1f} ms'
      )
    if self.contradictory:
      names = ', '.join(self.contradictory)
      told += f'; not aligned: {names} (a clock was set, or runs at another speed)'
    return told


def offsets(records: np.ndarray) -> Offsets:
  """Returns the offsets that align the times of one launch.

  Args:
    records: Records of the launch's steps, [steps]; tasks may have other clocks in other
      launches.
  """
  num_replicas = int(records['replica'].max(initial=-1)) + 1
  num_shards = records['status'].shape[1]
  replicas, shards = np.zeros([num_replicas]), np.zeros([num_shards])
  widths, contradictory = [0.0], []
  applied = (records['status'] == steps.Status.APPLIED) & records['pushed'][:, np.newaxis]
  with np.errstate(invalid='ignore'):
    earliest = records['applied_at'] - records['push_end'][:, np.newaxis]
    latest = records['update_end'] - records['push_start'][:, np.newaxis]
  known = applied & ~np.isnan(earliest) & ~np.isnan(latest)

  def ahead(name: str, low: np.ndarray, high: np.ndarray) -> float:
    """Returns the middle of the interval that all pushes allow; 0 if that is in it."""
    least, most = float(low.max(initial=-np.inf)), float(high.min(initial=np.inf))
    if least - _TOLERANCE <= 0.0 <= most + _TOLERANCE:
      return 0.0
    if least > most + _TOLERANCE:
      contradictory.append(name)
      return 0.0
    widths.append(abs(most - least) / 2)
    return (least + most) / 2

  for replica in range(num_replicas):
    own = known[:, 0] & (records['replica'] == replica)
    replicas[replica] = ahead(f'replica {replica}', earliest[own, 0], latest[own, 0])
  moved = replicas[records['replica']] if len(records) else np.zeros([0])
  odd = [r for r in range(num_replicas) if f'replica {r}' in contradictory]
  known &= ~np.isin(records['replica'], odd)[:, np.newaxis]
  for shard in range(1, num_shards):
    own = known[:, shard]
    bounds = (bound[own, shard] - moved[own] for bound in (earliest, latest))
    shards[shard] = -ahead(f'shard {shard}', *bounds)
  return Offsets(replicas, shards, max(widths), tuple(contradictory))


def align(records: np.ndarray, found: Offsets) -> np.ndarray:
  """Returns records with all times on the clock of shard 0."""
  if not found.moved:
    return records
  records = records.copy()
  shift = found.replicas[records['replica']]
  for name in _REPLICA_TIMES:
    records[name] += shift
  for name in ('applied_at', 'update_end'):
    records[name] += found.shards[: records['status'].shape[1]]
  return records
