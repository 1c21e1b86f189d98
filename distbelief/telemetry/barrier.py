"""Converts the timings of synchronous replicas into a shard log.

Each replica knows when it had computed and when the update was done, by its own clock.
The wait for the others follows without comparing clocks: the last replica to arrive waits
for nobody, so the shortest of those times is the duration of the all-reduce itself. And
as an update ends for all at once, all times are converted to the clock of replica 0.
"""

from __future__ import annotations

import numpy as np

from distbelief.telemetry import steps
from distbelief.telemetry.records import Incarnation

_NUM_MARKS = len(steps.LOG_COLUMNS)
_SUMMED = steps.LOG_COLUMN['applied_at']
_DONE = steps.LOG_COLUMN['update_end']
_COMPUTED = _NUM_MARKS + steps.COLUMN['compute_end']
_WAIT = [_NUM_MARKS + steps.COLUMN[name] for name in ('wait_start', 'wait_end')]
_REPLICA = _NUM_MARKS + steps.COLUMN['replica']
_INCARNATION = _NUM_MARKS + steps.COLUMN['incarnation']
_SEQUENCE = _NUM_MARKS + steps.COLUMN['sequence']
_TIMES = [_SUMMED, _DONE] + [
  _NUM_MARKS + column
  for name, column in steps.COLUMN.items()
  if name.endswith(('_start', '_end'))
]


def to_log(reported: np.ndarray) -> tuple[np.ndarray, dict[Incarnation, np.ndarray]]:
  """Returns the log of a window's updates, and the times of each replica's transfer.

  Args:
    reported: Rows that the replicas reported, [replicas, updates, LOG_COLUMNS + row]
      float64; all times by the clock of the replica, those of the update as well.

  Returns:
    A log [updates * replicas, ...], update by update, with the waits at the barrier; and
    per replica [updates, 3]: sequence, start and end of its part in the all-reduce and
    the update.
  """
  if not reported.shape[1]:
    return reported.reshape(-1, reported.shape[-1]), {}
  ahead = np.median(reported[..., _DONE] - reported[0, :, _DONE], axis=1)
  log = reported.copy()
  log[..., _TIMES] -= ahead[:, np.newaxis, np.newaxis]
  computed, done = log[..., _COMPUTED], log[..., _DONE]
  took = done - computed
  waited_until = computed + took - took.min(axis=0)
  log[..., _WAIT[0]], log[..., _WAIT[1]] = computed, waited_until
  travelled = {
    (int(own[0, _REPLICA]), int(own[0, _INCARNATION])): np.stack(
      [own[:, _SEQUENCE], own[:, _WAIT[1]], own[:, _DONE]], axis=1
    )
    for own in log
  }
  return log.transpose(1, 0, 2).reshape(-1, reported.shape[-1]), travelled
