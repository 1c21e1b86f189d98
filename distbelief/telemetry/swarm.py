"""Where replicas were: sketches of their parameters and gradients, now and then.

At most every config.telemetry.swarm_seconds a replica sketches, at the end of a window,
the parameters it holds, what it last pushed, and the server's parameters at that time
(telemetry/sketch.py). The leader appends them to swarm.bin, a fixed-size record each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

DIMENSION = 251  # Of a sketch; a prime.

_HEADER_BYTES = 512
_MANY = 5000  # Samples, 15 MB; after each so many they come half as often.
_NEARLY = 0.9  # Of the interval: a replica's windows do not end on the second.
_DTYPE = np.dtype(
  [
    ('time', '<f8'),  # Seconds since the epoch, or simulated ones.
    ('replica', '<i4'),
    ('incarnation', '<i4'),
    ('step', '<i8'),  # The replica's next one.
    ('parameters', '<f4', (DIMENSION,)),
    ('server', '<f4', (DIMENSION,)),
    ('gradient', '<f4', (DIMENSION,)),
  ]
)
MARKS = ('time', 'replica', 'incarnation', 'step')  # Columns of a sample's marks.
SKETCHES = ('parameters', 'server', 'gradient')


class SwarmWriter:
  """Appends samples to a run's swarm.bin, and tells how far apart the replicas are."""

  def __init__(self, workdir: Path, seconds: float = 0.0) -> None:
    """Opens the file; what a killed launch left half-written is cut off.

    Args:
      workdir: The run's.
      seconds: config.telemetry.swarm_seconds: what comes sooner is left out. As samples
        become many, they become rarer.
    """
    self._seconds = seconds
    self._until: dict[int, float] = {}  # Of each replica, when the next one is due.
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
      marks: [samples, 4] float64, columns MARKS.
      sketches: [samples, 3, DIMENSION] float32, rows SKETCHES.
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
    """Returns how far apart the replicas now are, by TensorBoard's tag; {}: no news."""
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
    points: [points, dimensions], at least two. Of replicas, each less where the server
      was at the same time: they are not sampled at one time, and the server moves on.
  """
  one, other = np.triu_indices(len(points), 1)
  return float(np.linalg.norm(points[one] - points[other], axis=1).mean())


def mean_cosine(vectors: np.ndarray) -> float:
  """Returns the mean cosine over all pairs; NaN if any vector is 0.

  Args:
    vectors: [vectors, dimensions], at least two.
  """
  lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
  if not (lengths > 0).all():
    return float('nan')
  unit = vectors / lengths
  one, other = np.triu_indices(len(unit), 1)
  return float((unit[one] * unit[other]).sum(axis=1).mean())


def read(workdir: Path | str) -> np.ndarray:
  """Returns the samples of a run, [samples] structured, oldest first; maybe none."""
  path = Path(workdir) / 'swarm.bin'
  if not path.exists():
    return np.empty([0], _DTYPE)
  data = path.read_bytes()[_HEADER_BYTES:]
  samples = np.frombuffer(data[: len(data) // _DTYPE.itemsize * _DTYPE.itemsize], _DTYPE)
  known = [np.isfinite(samples[name]).all(axis=1) for name in ('parameters', 'server')]
  samples = samples[known[0] & known[1]]  # What has diverged is nowhere.
  return samples[np.argsort(samples['time'], kind='stable')]


def forget_after(workdir: Path, next_steps: np.ndarray) -> None:
  """Drops samples that came after a checkpoint.

  Args:
    workdir: The run's.
    next_steps: [replicas] int64, each replica's next step in the checkpoint.
  """
  path = workdir / 'swarm.bin'
  samples = read(workdir)
  known = samples[samples['replica'] < len(next_steps)]
  kept = known[known['step'] <= next_steps[known['replica']]]
  if len(kept) < len(samples):
    partial = path.with_suffix('.partial')
    partial.write_bytes(path.read_bytes()[:_HEADER_BYTES] + kept.tobytes())
    partial.replace(path)
