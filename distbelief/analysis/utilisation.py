"""The utilisation of replicas and shards, and the traffic between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from distbelief import config as config_lib
from distbelief.algorithms.catalog import Algorithm
from distbelief.algorithms.traffic import Exchange
from distbelief.telemetry import steps


def span(records: np.ndarray) -> tuple[float, float]:
  """Returns when the first of some steps started and the last one ended, in seconds.

  Args:
    records: Records of the steps, [steps], at least one.
  """
  ends = [records[name] for name in ('compute_end', 'push_end', 'fetch_end')]
  start = steps.first_start(*(records[name] for name in steps.STARTS))
  return start, float(np.nanmax(ends))


def gaps(records: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns when replicas that update together waited between two steps.

  They agree, every second or so, whether to go on; their records hold only the wait at
  the barrier.

  Args:
    records: Records of the steps, [steps], of an algorithm that waits between steps.

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


def shard_table(
  records: np.ndarray, header: Mapping[str, Any], algorithm: Algorithm
) -> list[dict[str, Any]]:
  """Returns figures per shard, from the first step's start to the last update.

  Args:
    records: Records of one launch, [steps].
    header: Header of that launch's file of records.
    algorithm: Algorithm of the run.

  Returns:
    Figures per shard: updates (that it applied), updates_per_second, busy (the fraction
    of the time that it held its lock for an update, without the cost of moving data), and
    bytes_per_second (parameters fetched and gradients pushed, counted, not measured on
    the wire; 0 without a server).
  """
  num_shards = header['num_shards']
  table: list[dict[str, Any]] = [
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
    # Without a parameter server each replica performs the update for itself.
    one_each = own[np.unique(own['version_applied'][:, shard], return_index=True)[1]]
    held = one_each['update_end'][:, shard] - one_each['applied_at'][:, shard]
    row['updates'] = len(one_each)
    row['updates_per_second'] = len(one_each) / seconds
    row['busy'] = float(np.nansum(held) / seconds)
    row['bytes_per_second'] = 0.0
    if algorithm.has_server:
      exchange = Exchange(fetches, len(own), len(one_each), header['num_replicas'])
      moved = algorithm.count_bytes(exchange, header['shard_bytes'][shard])
      row['bytes_per_second'] = moved / seconds
  return table


def bytes_per_second(
  shards: Sequence[Mapping[str, Any]],
  header: Mapping[str, Any],
  config: ml_collections.ConfigDict,
) -> float | None:
  """Returns the traffic between all tasks, counted from recorded steps.

  Args:
    shards: Figures of shard_table.
    header: Header of that launch's file of records.
    config: Config of the run.
  """
  algorithm, updates = config_lib.algorithm(config), shards[0]['updates_per_second']
  if updates is None:
    return None
  if algorithm.has_server:
    return float(sum(row['bytes_per_second'] for row in shards))
  taking_part = header['num_replicas'] - config_lib.backup_workers(config)
  exchange = Exchange(0.0, 0.0, updates, taking_part)
  return float(algorithm.count_bytes(exchange, sum(header['shard_bytes'])))


def _applied(records: np.ndarray) -> np.ndarray:
  return records['status'] == steps.Status.APPLIED
