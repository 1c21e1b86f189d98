"""Finds out before a run whether a model's gradient has the same bits each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_REPEATS = 3


def note(gradient: Callable[[], Sequence[Any]]) -> str:
  """Returns a line if it has not; empty if it has.

  TensorFlow promises it of no operation unless it is asked for determinism, which makes
  some slower and others fail (tf.config.experimental.enable_op_determinism); on
  processors hardly any add in the order in which threads happen to end.

  Args:
    gradient: Function that computes a gradient anew from the same values.
  """
  first, *others = ([np.asarray(part) for part in gradient()] for _ in range(_REPEATS))
  if all(
    mine.tobytes() == part.tobytes()
    for other in others
    for mine, part in zip(first, other)
  ):
    return ''
  norm = np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in first))
  off = max(
    np.sqrt(sum(np.sum((mine - part) ** 2.0) for mine, part in zip(first, other)))
    for other in others
  )
  return (
    "note: TensorFlow rounds this model's gradient otherwise each time (by "
    f'{off / norm:.0e}, relative): a replay will agree to about that at every step, not '
    'to the last bit'
  )
