"""What replicas and shards did with their time, and what travelled between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distbelief.telemetry import steps


def span(records: np.ndarray) -> tuple[float, float]:
  """Returns when the first of some steps started and the last one ended, in seconds.

  Args:
    records: [steps], at least one.
  """
  ends = [records[name] for name in ('compute_end', 'push_end', 'fetch_end')]
  start = steps.first_start(*(records[name] for name in steps.STARTS))
  return start, float(np.nanmax(ends))


def gaps(records: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns when replicas that update together waited between two steps.

  They agree, every second or so, whether to go on; their records tell of the wait at the
  barrier alone.

  Args:
    records: [steps], of algorithm synchronous or sgd.

  Returns:
    Replica, start and end of each gap.
  """
  order = np.lexsort((records['compute_start'], records['replica']))
  own = records[order]
  start, end = own['push_end'][:-1], own['compute_start'][1:]
  between = own['replica'][1:] == own['replica'][:-1]
  between &= own['incarnation'][1:] == own['incarnation'][:-1]
  between &= end > start
  return own['replica'][1:][between], start[between], end[between]


def shard_table(records: np.ndarray, header: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Returns per shard what it did, from the first step's start to the last update.

  Args:
    records: [steps] of one launch.
    header: Of that launch's file of records.

  Returns:
    Per shard: updates (that it applied), updates_per_second, busy (the fraction of the
    time that it held its lock for an update; what moving data costs is not in it), and
    bytes_per_second (parameters fetched and gradients pushed, counted, not measured on
    the wire).
  """
  num_shards = header['num_shards']
  table = [
    {'shard': i, 'updates': 0, 'updates_per_second': None, 'busy': None}
    | {'bytes_per_second': None}
    for i in range(num_shards)
  ]
  if not len(records):
    return table
  start, end = span(records)
  end = max(
    end, float(np.nanmax(np.where(_applied(records), records['update_end'], end)))
  )
  seconds = max(end - start, 1e-9)
  fetches = int((~np.isnan(records['fetch_end'])).sum())
  pushed = _applied(records) & records['pushed'][:, np.newaxis]
  for shard, row in enumerate(table):
    own = records[pushed[:, shard]]
    transfers = fetches + len(own) if fetches else 0
    # Where there is no parameter server each replica makes the update for itself.
    one_each = own[np.unique(own['version_applied'][:, shard], return_index=True)[1]]
    held = one_each['update_end'][:, shard] - one_each['applied_at'][:, shard]
    row['updates'] = len(one_each)
    row['updates_per_second'] = len(one_each) / seconds
    row['busy'] = float(np.nansum(held) / seconds)
    row['bytes_per_second'] = transfers * header['shard_bytes'][shard] / seconds
  return table


def all_reduce_bytes(num_replicas: int, num_bytes: int) -> float:
  """Returns what all replicas together send in a ring all-reduce of so many bytes."""
  return 2.0 * (num_replicas - 1) * num_bytes


def bytes_per_second(
  records: np.ndarray, header: Mapping[str, Any], shards: Sequence[Mapping[str, Any]]
) -> float | None:
  """Returns what travelled between all tasks, counted from steps on record.

  Args:
    records: [steps] of one launch.
    header: Of its file.
    shards: Of shard_table.
  """
  if not len(records):
    return None
  if shards[0]['bytes_per_second']:
    return float(sum(row['bytes_per_second'] for row in shards))
  total = all_reduce_bytes(header['num_replicas'], sum(header['shard_bytes']))
  return float(total * shards[0]['updates_per_second'])


def _applied(records: np.ndarray) -> np.ndarray:
  return records['status'] == steps.Status.APPLIED
