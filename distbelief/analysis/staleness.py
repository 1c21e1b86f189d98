"""How asynchronous a run was: ages of gradients, skew and order between the shards."""

from __future__ import annotations

from typing import Any

import ml_collections
import numpy as np

from distbelief import config as config_lib
from distbelief.telemetry import steps


def skew(records: np.ndarray) -> np.ndarray:
  """Returns how far apart the shards' versions were in each fetch, [fetches] int64.

  Args:
    records: [steps]; those count at which freshly fetched parameters took over.
  """
  held = records['version_held'][records['fresh']]
  if not held.size:
    return np.zeros([0], np.int64)
  # Shards that a launch did not have are marked -1.
  lowest = np.where(held < 0, held.max(axis=1, keepdims=True), held).min(axis=1)
  return held.max(axis=1) - lowest


def opposite_orders(pushes: np.ndarray) -> tuple[int, int]:
  """Returns how many pairs of pushes two shards applied in opposite order, of how many.

  Args:
    pushes: Of analysis.pushes. Each pair of pushes counts once for each pair of shards
      that applied both.
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
  """Returns how many pairs stand in falling order.

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


def theory(config: ml_collections.ConfigDict, step_seconds: float) -> float | None:
  """Returns the mean staleness that equal machines should have, None if nothing says.

  A blocking replica's push is as old as the time from the read of the oldest parameters
  in it to its arrival; meanwhile the M - 1 others push once every n_push steps, and it
  may have pushed itself. With n_fetch = n_push = 1 that is (M - 1)(T + L) / (T + 2L) for
  steps of T and a latency L, M - 1 without latency, then whatever the machines' speeds.
  With overlap and n_fetch = n_push = 1 two steps pass: about 2M - 1.

  Args:
    config: The run's.
    step_seconds: T, mean time that a step computes.
  """
  replicas = config_lib.num_replicas(config)
  options, latency = config.downpour, config.cluster.latency_seconds
  if config.algorithm != 'downpour':
    return 0.0
  uneven = len(set(config.cluster.slowdown)) > 1
  each = options.n_fetch == options.n_push == 1
  if uneven and (latency or not each or options.overlap):
    return None
  if options.overlap:
    # What travels must fit into the step beside it.
    return 2.0 * replicas - 1 if each and latency < step_seconds else None
  if replicas == 1 and each:
    return 0.0
  per_step = step_seconds + latency / options.n_fetch + latency / options.n_push
  ages, own = _ages(options.n_fetch, options.n_push, step_seconds, latency)
  return (replicas - 1) * ages / (options.n_push * per_step) + own


def _ages(n_fetch: int, n_push: int, step: float, latency: float) -> tuple[float, float]:
  """Returns of a blocking replica's pushes the mean age, and the mean own pushes since.

  One cycle of the schedule, far from its start.
  """
  period = int(np.lcm(n_fetch, n_push))
  ages, own = [], []
  for push in range(2 * period, 3 * period, n_push):
    oldest = (push - n_push + 1) // n_fetch * n_fetch  # Fetched before its first step.
    fetches = push // n_fetch - oldest // n_fetch  # After that one.
    pushes = sum(1 for k in range(oldest, push) if k % n_push == 0)
    ages.append((push - oldest + 1) * step + (fetches + pushes + 1) * latency)
    own.append(pushes)
  return float(np.mean(ages)), float(np.mean(own))


def describe(
  config: ml_collections.ConfigDict, records: np.ndarray, pushes: np.ndarray
) -> dict[str, Any]:
  """Returns what summary.json says of asynchrony beside the staleness.

  Args:
    config: The run's.
    records: [steps] of all launches.
    pushes: Derived from them.
  """
  computing = records['compute_end'] - records['compute_start']
  apart = skew(records)
  opposite, pairs = opposite_orders(pushes)
  return {
    'theoretical_staleness': theory(config, float(np.mean(computing)))
    if len(computing)
    else None,
    'version_skew': {
      'mean': float(apart.mean()) if len(apart) else None,
      'max': int(apart.max()) if len(apart) else None,
    },
    'opposite_orders': {'pairs': opposite, 'of': pairs},
  }
