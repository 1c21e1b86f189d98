"""Finds out whether a model's gradient has the same bits each time.

TensorFlow promises that of no operation unless it is asked for determinism, which makes
some slower and others fail (tf.config.experimental.enable_op_determinism). On processors
hardly any adds in the order in which threads happen to end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_REPEATS = 2


def difference(first: Sequence[Any], again: Callable[[], Sequence[Any]]) -> float:
  """Returns the largest relative difference of a gradient from one computed again.

  Args:
    first: Gradient, a tensor per parameter.
    again: Function that computes it anew from the same values.
  """
  truth = _flat(first)
  norm = max(float(np.linalg.norm(truth)), 1e-300)
  off = [float(np.linalg.norm(_flat(again()) - truth)) for _ in range(_REPEATS)]
  return max(off) / norm


def note(off: float) -> str:
  """Returns the line for a run whose gradients differ; empty if they do not."""
  if not off:
    return ''
  return (
    "note: TensorFlow rounds this model's gradient differently each time (by "
    f'{off:.0e}, relative): a replay starts to differ by as much, and may drift further'
  )


def _flat(gradient: Sequence[Any]) -> np.ndarray:
  return np.concatenate([np.asarray(part, np.float64).ravel() for part in gradient])
