"""The server's parameters at some evaluations; they span the picture of the swarm.

Sketches give the distances between points, but not the loss between them; for that a few
whole vectors are kept, evenly over the run: if there are too many, the one whose
neighbours are nearest to each other is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_MOST = 16
_LEAST = 3  # Kept even if they are large: they span a plane.
_BYTES = 2**28  # Size of all together.


class Snapshots:
  """Keeps a limited number of the vectors that it is offered, evenly spread."""

  def __init__(self, workdir: Path, num_parameters: int) -> None:
    """Finds the vectors of earlier launches.

    Args:
      workdir: Directory of the run.
      num_parameters: Length of a vector.
    """
    self._folder = workdir / 'snapshots'
    self._folder.mkdir(exist_ok=True)
    self._most = int(np.clip(_BYTES // max(1, 4 * num_parameters), _LEAST, _MOST))

  def offer(self, steps: int, tensors: Sequence[np.ndarray]) -> None:
    """Keeps a vector, and deletes another one if there are too many.

    Args:
      steps: Minibatches applied.
      tensors: Parameters, one tensor per variable.
    """
    flat = np.concatenate([np.asarray(tensor).ravel() for tensor in tensors])
    partial = self._folder / 'partial'
    with partial.open('wb') as file:
      np.save(file, flat.astype(np.float32))
    partial.rename(self._folder / f'{steps:012}.npy')
    kept = files(self._folder.parent)
    if len(kept) > self._most:  # The first and the last stay.
      at = np.array([int(path.stem) for path in kept])
      kept[1 + int(np.argmin(at[2:] - at[:-2]))].unlink()


def files(workdir: Path | str) -> list[Path]:
  """Returns the files of a run's snapshots, oldest first."""
  return sorted(Path(workdir).glob('snapshots/*.npy'))


def forget_after(workdir: Path, steps: int) -> None:
  """Deletes snapshots later than a checkpoint at `steps`."""
  for path in files(workdir):
    if int(path.stem) > steps:
      path.unlink()


def read(workdir: Path | str) -> tuple[np.ndarray, np.ndarray]:
  """Returns (steps [K] int64, parameters [K, P] float32), oldest first; K may be 0."""
  kept = files(workdir)
  steps = np.array([int(path.stem) for path in kept], np.int64)
  return steps, np.array([np.load(path) for path in kept], np.float32)
