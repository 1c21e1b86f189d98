"""How asynchronous a run was: ages of gradients, skew and order between the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from distbelief import config as config_lib
from distbelief.algorithms import traffic
from distbelief.algorithms.staleness import Conditions
from distbelief.telemetry import steps


def skew(records: np.ndarray) -> np.ndarray:
  """Returns the skew of the shards' versions in each fetch, [fetches] int64.

  Args:
    records: Records of the steps, [steps]; those that used freshly fetched parameters
      count.
  """
  held = records['version_held'][records['fresh']]
  if not held.size:
    return np.zeros([0], np.int64)
  # Shards that a launch did not have are marked -1.
  lowest = np.where(held < 0, held.max(axis=1, keepdims=True), held).min(axis=1)
  return held.max(axis=1) - lowest


def opposite_orders(pushes: np.ndarray) -> tuple[int, int]:
  """Returns the pairs of pushes that two shards applied in opposite order, and all pairs.

  Args:
    pushes: Pushes of analysis.pushes. Each pair of pushes counts once for each pair of
      shards that applied both.
  """
  applied = pushes['status'] == steps.Status.APPLIED
  opposite = pairs = 0
  for one in range(applied.shape[1]):
    for other in range(one + 1, applied.shape[1]):
      both = pushes['version_applied'][applied[:, one] & applied[:, other]]
      order = both[np.argsort(both[:, one], kind='stable'), other]
      opposite += inversions(order)
      pairs += len(order) * (len(order) - 1) // 2
  return opposite, pairs


_BLOCK = 64


def inversions(values: np.ndarray) -> int:
  """Returns the number of pairs in falling order.

  Counted within blocks first, then while sorted blocks are merged: n log n.
  """
  size = len(values)
  if size < 2:
    return 0
  width = min(_BLOCK, size)
  padded = np.full([-(-size // width) * width], np.iinfo(np.int64).max)
  padded[:size] = values
  blocks = padded.reshape([-1, width])
  found = sum(int((blocks[:, :i] > blocks[:, i : i + 1]).sum()) for i in range(1, width))
  merged = list(np.sort(blocks, axis=1))
  while len(merged) > 1:
    pairs = list(zip(merged[::2], merged[1::2]))
    rest = [merged[-1]] if len(merged) % 2 else []
    for left, right in pairs:
      found += int((len(left) - np.searchsorted(left, right, side='right')).sum())
    merged = [np.sort(np.concatenate(pair), kind='stable') for pair in pairs] + rest
  return found


def theory(
  config: ml_collections.ConfigDict,
  step_seconds: float,
  header: Mapping[str, Any] | None = None,
) -> float | None:
  """Returns the mean staleness by theory on equal machines, None if no theory covers it.

  Args:
    config: Config of the run.
    step_seconds: Mean time that a step computes.
    header: Header of its last launch's file of records; None: that of a cluster, whose
      links take no time but config.cluster.latency_seconds.
  """
  conditions = Conditions(
    num_replicas=config_lib.num_replicas(config),
    step_seconds=step_seconds,
    equal_machines=len(set(config.cluster.slowdown)) < 2,
    latency_seconds=config.cluster.latency_seconds,
  )
  if header is not None and header['clock'] == 'virtual':
    simulated: dict[str, Any] = _simulated(config, header['shard_bytes'])
    conditions = conditions._replace(**simulated)
  return config_lib.algorithm(config).theoretical_staleness(config, conditions)


def _simulated(
  config: ml_collections.ConfigDict, shard_bytes: Sequence[float]
) -> dict[str, float]:
  """Returns the conditions that config.simulation defines."""
  options = config.simulation
  arrivals = traffic.arrival_seconds(
    shard_bytes, options.shard_bandwidth, options.replica_bandwidth
  )
  return {
    'fetch_seconds': max(arrivals),
    'push_seconds': max(arrivals),
    'arrival_seconds': float(np.mean(arrivals)),
    'link_seconds': traffic.transfer_seconds(max(shard_bytes), options.shard_bandwidth),
    'update_seconds': options.update_seconds,
    'window_seconds': options.window_seconds,
  }


def describe(
  config: ml_collections.ConfigDict,
  records: np.ndarray,
  pushes: np.ndarray,
  header: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Returns the fields of summary.json on asynchrony, except the staleness.

  Args:
    config: Config of the run.
    records: Records of all launches, [steps].
    pushes: Pushes derived from them.
    header: Header of the last launch's file of records.
  """
  computing = records['compute_end'] - records['compute_start']
  apart = skew(records)
  opposite, pairs = opposite_orders(pushes)
  return {
    'theoretical_staleness': theory(config, float(np.mean(computing)), header)
    if len(computing)
    else None,
    'version_skew': {
      'mean': float(apart.mean()) if len(apart) else None,
      'max': int(apart.max()) if len(apart) else None,
    },
    'opposite_orders': {'pairs': opposite, 'of': pairs},
  }
