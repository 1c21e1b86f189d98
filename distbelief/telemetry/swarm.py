"""Samples of the replicas' positions: sketches of their parameters and gradients.

At most every config.telemetry.swarm_seconds a replica sketches, at the end of a window,
its parameters, the gradient that it last pushed, and the server's parameters at that time
(telemetry/sketch.py). The leader appends them to swarm.bin, a fixed-size record each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

DIMENSION = 251  # Length of a sketch; a prime.

_HEADER_BYTES = 512
_MANY = 5000  # Samples, 15 MB; after each so many the rate is halved.
_NEARLY = 0.9  # Fraction of the interval: windows do not end on the second.
_DTYPE = np.dtype(
  [
    ('time', '<f8'),  # Seconds since the epoch, or simulated ones.
    ('replica', '<i4'),
    ('incarnation', '<i4'),
    ('step', '<i8'),  # The replica's next step.
    ('parameters', '<f4', (DIMENSION,)),
    ('server', '<f4', (DIMENSION,)),
    ('gradient', '<f4', (DIMENSION,)),
  ]
)
MARKS = ('time', 'replica', 'incarnation', 'step')  # Columns of a sample's marks.
SKETCHES = ('parameters', 'server', 'gradient')


class SwarmWriter:
  """Appends samples to a run's swarm.bin, and computes the replicas' distances."""

  def __init__(self, workdir: Path, seconds: float = 0.0) -> None:
    """Opens the file; a torn record of a killed launch is cut off.

    Args:
      workdir: Directory of the run.
      seconds: Least time between two samples of a replica,
        config.telemetry.swarm_seconds; earlier ones are left out. As samples become many,
        the time becomes longer.
    """
    self._seconds = seconds
    self._until: dict[int, float] = {}  # When each replica's next one is due.
    path = workdir / 'swarm.bin'
    header = json.dumps({'format': 1, 'dtype': _DTYPE.descr}).encode()
    if not path.exists():
      path.write_bytes(header.ljust(_HEADER_BYTES))
    whole = max(0, path.stat().st_size - _HEADER_BYTES) // _DTYPE.itemsize
    self._file = path.open('r+b')
    self._file.truncate(_HEADER_BYTES + whole * _DTYPE.itemsize)
    self._file.seek(0, 2)
    self._count = whole
    self._latest: dict[int, np.ndarray] = {}  # By replica.
    self._news = False

  def add(self, marks: np.ndarray, sketches: np.ndarray) -> None:
    """Adds samples.

    Args:
      marks: Marks of each sample, [samples, 4] float64, columns MARKS.
      sketches: Sketches of each sample, [samples, 3, DIMENSION] float32, rows SKETCHES.
    """
    samples = np.zeros([len(marks)], _DTYPE)
    for index, name in enumerate(MARKS):
      samples[name] = marks[:, index]
    for index, name in enumerate(SKETCHES):
      samples[name] = sketches[:, index]
    samples = samples[[self._due(sample) for sample in samples]]
    self._file.write(samples.tobytes())
    self._file.flush()
    self._count += len(samples)
    for sample in samples:
      self._latest[int(sample['replica'])] = sample
      self._news = True

  def _due(self, sample: np.ndarray) -> bool:
    replica, now = int(sample['replica']), float(sample['time'])
    if now < self._until.get(replica, 0.0):
      return False
    rarer = 2 ** (self._count // _MANY)
    self._until[replica] = now + _NEARLY * self._seconds * rarer
    return True

  def scalars(self) -> dict[str, float]:
    """Returns distances between the replicas now, by TensorBoard's tag; {}: no news."""
    if not self._news:
      return {}
    self._news = False
    latest = np.stack([self._latest[replica] for replica in sorted(self._latest)])
    away = np.linalg.norm(latest['parameters'] - latest['server'], axis=1)
    scalars = {
      f'swarm/distance_replica_{replica}': float(distance)
      for replica, distance in zip(latest['replica'], away)
    }
    if len(latest) > 1:
      apart = latest['parameters'] - latest['server']
      scalars['swarm/pairwise_distance'] = pairwise_distance(apart)
      scalars['swarm/gradient_cosine'] = mean_cosine(latest['gradient'])
    return {tag: value for tag, value in scalars.items() if np.isfinite(value)}

  def close(self) -> None:
    """Closes the file."""
    self._file.close()


def pairwise_distance(points: np.ndarray) -> float:
  """Returns the mean distance over all pairs.

  Args:
    points: Replica sketches relative to the server's at the same time, since replicas are
      not sampled at one time and the server moves on; [points, dimensions], at least two.
  """
  one, other = np.triu_indices(len(points), 1)
  return float(np.linalg.norm(points[one] - points[other], axis=1).mean())


def mean_cosine(vectors: np.ndarray) -> float:
  """Returns the mean cosine over all pairs; NaN if any vector is 0.

  Args:
    vectors: Vectors to compare, [vectors, dimensions], at least two.
  """
  lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
  if not (lengths > 0).all():
    return float('nan')
  unit = vectors / lengths
  one, other = np.triu_indices(len(unit), 1)
  return float((unit[one] * unit[other]).sum(axis=1).mean())


def read(workdir: Path | str) -> np.ndarray:
  """Returns the samples of a run so far, [samples] structured, oldest first."""
  path = Path(workdir) / 'swarm.bin'
  if not path.exists():
    return np.empty([0], _DTYPE)
  data = path.read_bytes()[_HEADER_BYTES:]
  samples = np.frombuffer(data[: len(data) // _DTYPE.itemsize * _DTYPE.itemsize], _DTYPE)
  known = [np.isfinite(samples[name]).all(axis=1) for name in ('parameters', 'server')]
  samples = samples[known[0] & known[1]]  # Without diverged replicas.
  return samples[np.argsort(samples['time'], kind='stable')]


def forget_after(workdir: Path, next_steps: np.ndarray) -> None:
  """Deletes samples later than a checkpoint.

  Args:
    workdir: Directory of the run.
    next_steps: Next step of each replica in the checkpoint, [replicas] int64.
  """
  path = workdir / 'swarm.bin'
  samples = read(workdir)
  known = samples[samples['replica'] < len(next_steps)]
  kept = known[known['step'] <= next_steps[known['replica']]]
  if len(kept) < len(samples):
    partial = path.with_suffix('.partial')
    partial.write_bytes(path.read_bytes()[:_HEADER_BYTES] + kept.tobytes())
    partial.replace(path)
