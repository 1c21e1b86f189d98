"""How far the replicas of a run are spread around the server, over time."""

from __future__ import annotations

import numpy as np


def over_time(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns times, and the mean distance of a replica from the server around each.

  Args:
    samples: Samples of telemetry.swarm; both of a sample are of one time.
    count: Number of equal parts of the time; those without a sample are left out.

  Returns:
    Middle of each part in seconds, and the distance there, by sketches.
  """
  if not len(samples):
    return np.empty([0]), np.empty([0])
  away = _distances(samples)
  edges = np.linspace(0.0, samples['time'].max(), count + 1)
  part = np.clip(np.searchsorted(edges, samples['time']) - 1, 0, count - 1)
  number = np.bincount(part, minlength=count)
  there = number > 0
  mean = np.bincount(part, away, minlength=count)[there] / number[there]
  return ((edges[1:] + edges[:-1]) / 2)[there], mean


def relative(samples: np.ndarray) -> float:
  """Returns the mean distance of a replica from the server over the server's own way.

  That is the distance between where the server was first and last; NaN: there is none.
  """
  if not len(samples):
    return float('nan')
  way = np.linalg.norm(samples['server'][-1] - samples['server'][0])
  return float(_distances(samples).mean() / way) if way > 0 else float('nan')


def _distances(samples: np.ndarray) -> np.ndarray:
  """Returns how far each sample's replica was from the server, [samples]."""
  return np.linalg.norm(samples['parameters'] - samples['server'], axis=1)
