"""The replicas as a swarm: their paths in a plane, and the loss over that plane.

The plane is spanned by the server's snapshots (telemetry/snapshots.py): of all directions
that combine them, the two along which the paths of replicas and server vary most.
Coordinates of a path come from its sketches (telemetry/sketch.py): those of snapshots are
exact, others good to a few percent; the loss is computed at whole vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_FEWEST, _MOST = 7, 25  # Points of the surface along each side.
_LATEST = 5  # Factor on the time planned for the surface after which it is given up.
_MARGIN = 0.15  # Around the paths, as a fraction of their extent.
_CHUNK = 2**20  # Parameters converted to float64 at a time.
_SAMPLES = 3000  # Samples used; more are thinned evenly.


class Plane(NamedTuple):
  """Two orthonormal directions, and their origin."""

  center: np.ndarray  # Sketch of the origin, [DIMENSION].
  directions: np.ndarray  # Multiply a sketch minus `center`, [2, DIMENSION].
  share: float  # Share of the paths' variance that lies in the plane.
  coefficients: np.ndarray | None  # [2, K], of snapshots minus the last; None: unknown.

  def coordinates(self, sketches: np.ndarray) -> np.ndarray:
    """Returns the coordinates of points in the plane, [., 2], from their sketches."""
    return (sketches - self.center) @ self.directions.T


class Surface(NamedTuple):
  """The loss over the plane."""

  x: np.ndarray  # [n], coordinates.
  y: np.ndarray  # [m].
  loss: np.ndarray  # [m, n].


def plane_of_tracks(samples: np.ndarray) -> Plane | None:
  """Returns the plane of the paths, without loss; None: the paths have no extent."""
  points = _points(samples)
  if len(points) < 3:
    return None
  center = points[-1]
  _, sizes, directions = np.linalg.svd(points - points.mean(0), full_matrices=False)
  if not sizes[0] > 0:
    return None
  share = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
  return Plane(center, _oriented(directions[:2]), share, None)


def plane_of_snapshots(
  samples: np.ndarray, snapshots: np.ndarray, sketches: np.ndarray
) -> Plane | None:
  """Returns the plane among the snapshots in which the paths vary most.

  Args:
    samples: Samples of telemetry.swarm.
    snapshots: Snapshots of the server's parameters, [K, P] float32.
    sketches: Sketches of the snapshots, [K, DIMENSION].

  Returns:
    The plane; None if there are fewer than three snapshots, or they lie on a line.
  """
  if len(snapshots) < 3 or not len(samples):
    return None
  squares, vectors = np.linalg.eigh(_gram(snapshots))
  good = squares > 1e-9 * squares.max()
  if good.sum() < 2:
    return None
  # Orthonormal combinations of the differences, and their sketches.
  combine = (vectors[:, good] / np.sqrt(squares[good])).T
  basis = combine @ (sketches[:-1] - sketches[-1])
  # The sketch of an orthonormal basis is not orthonormal: its inverse, not its transpose.
  into = np.linalg.pinv(basis)
  points = _points(samples)
  spread = points - points.mean(axis=0)
  _, sizes, turn = np.linalg.svd(spread @ into, full_matrices=False)
  if len(sizes) < 2:
    return None
  turn = _oriented(turn[:2])
  inside = spread @ into @ turn.T @ turn @ basis
  share = (inside**2).sum() / max((spread**2).sum(), 1e-30)
  coefficients = turn @ combine
  whole = np.concatenate([coefficients, -coefficients.sum(axis=1, keepdims=True)], axis=1)
  return Plane(sketches[-1], turn @ into.T, min(float(share), 1.0), whole)


def _gram(snapshots: np.ndarray) -> np.ndarray:
  """Returns the products of all snapshots minus the last one, [K - 1, K - 1]."""
  total = np.zeros([len(snapshots) - 1] * 2)
  for start in range(0, snapshots.shape[1], _CHUNK):
    part = snapshots[:, start : start + _CHUNK].astype(np.float64)
    apart = part[:-1] - part[-1]
    total += apart @ apart.T
  return total


def surface(
  plane: Plane,
  samples: np.ndarray,
  snapshots: np.ndarray,
  loss: Callable[[np.ndarray], float],
  seconds: float,
  is_stopped: Callable[[], bool] = lambda: False,
) -> Surface | None:
  """Returns the loss around the paths, at as many points as the time allows.

  Args:
    plane: Plane of plane_of_snapshots.
    samples: Samples of telemetry.swarm.
    snapshots: Snapshots of the plane, [K, P].
    loss: Function that returns the loss of a vector [P] float32.
    seconds: Time that it may take, by this machine's clock; five times as much at most,
      on a machine that becomes busy meanwhile.
    is_stopped: Function that returns whether to give up.

  Returns:
    The surface; None if there is no time for the fewest points.
  """
  if plane.coefficients is None:
    raise ValueError('the plane is none of snapshots: take that of plane_of_snapshots')
  count = min(_MOST, int(np.sqrt(seconds / seconds_each(loss, snapshots[-1]))))
  if count < _FEWEST:
    return None
  deadline = time.monotonic() + _LATEST * seconds
  where = plane.coordinates(_points(samples))
  low, high = where.min(axis=0), where.max(axis=0)
  margin = _MARGIN * (high - low).max()
  x, y = (np.linspace(a - margin, b + margin, count) for a, b in zip(low, high))
  first, second = plane.coefficients.astype(np.float32) @ snapshots
  found = np.empty([count, count])
  for i, j in np.ndindex(count, count):
    if is_stopped() or time.monotonic() > deadline:
      return None
    here = np.float32(x[j]) * first + np.float32(y[i]) * second
    found[i, j] = loss(snapshots[-1] + here)
  return Surface(x, y, found)


def seconds_each(loss: Callable[[np.ndarray], float], at: np.ndarray) -> float:
  """Returns how long a loss takes, in seconds, once it has been computed before."""
  loss(at)
  began = time.monotonic()
  loss(at)
  return max(time.monotonic() - began, 1e-6)


def is_affordable(each: float, seconds: float) -> bool:
  """Returns whether a surface of the fewest points fits into the time."""
  return each * _FEWEST**2 <= seconds


def thinned(samples: np.ndarray, most: int = _SAMPLES) -> np.ndarray:
  """Returns at most so many samples, evenly spread."""
  return samples[:: -(-len(samples) // most)] if len(samples) else samples


def _points(samples: np.ndarray) -> np.ndarray:
  samples = thinned(samples)
  return np.concatenate([samples['parameters'], samples['server']]).astype(np.float64)


def _oriented(directions: np.ndarray) -> np.ndarray:
  """Returns directions with the sign that makes their largest element positive."""
  largest = np.abs(directions).argmax(axis=1)
  signs = np.sign(directions[np.arange(len(directions)), largest])
  return directions * signs[:, np.newaxis]


def save(workdir: Path, plane: Plane, found: Surface | None) -> None:
  """Writes the plane and the loss over it, swarm.npz."""
  fields: dict[str, Any] = {
    'center': plane.center,
    'directions': plane.directions,
    'share': plane.share,
  }
  if found:
    fields |= found._asdict()
  partial = workdir / 'swarm.partial.npz'
  np.savez(partial, **fields)
  partial.rename(workdir / 'swarm.npz')


def load(workdir: Path) -> tuple[Plane, Surface | None] | None:
  """Returns the plane and loss that `save` wrote, or None."""
  try:
    with np.load(workdir / 'swarm.npz') as found:
      plane = Plane(found['center'], found['directions'], float(found['share']), None)
      if 'loss' not in found:
        return plane, None
      return plane, Surface(found['x'], found['y'], found['loss'])
  except (OSError, ValueError, KeyError):
    return None
