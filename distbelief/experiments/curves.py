"""Curves of accuracy, of finished runs under the virtual clock."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from distbelief import config as config_lib
from distbelief.analysis.run import Run


class Curve(NamedTuple):
  """A run's accuracy, from the end of its warm start on; what lies before is negative.

  Attributes:
    seconds: Simulated times of the evaluations.
    steps: Minibatches until then.
    training: Accuracy of the minibatches since the evaluation before.
    holdout: Hold-out accuracy.
    staleness: Mean number of updates between a fetch and the push that came of it.
    losses: Hold-out loss.
  """

  seconds: list[float]
  steps: list[int]
  training: list[float]
  holdout: list[float]
  staleness: float
  losses: list[float]

  def seconds_to(self, target: float) -> float:
    """Returns the time to a hold-out accuracy; infinite: it was not reached."""
    return self._first(target, self.seconds)

  def steps_to(self, target: float) -> float:
    """Returns the minibatches to a hold-out accuracy; infinite: it was not reached."""
    return self._first(target, self.steps)

  def _first(self, target: float, places: Sequence[float]) -> float:
    """Returns where the curve crosses the target, between two evaluations.

    The one after it must be above as well: a noisy curve that is evaluated often touches
    the target earlier than one that is not.
    """
    points = list(zip(places, self.holdout))
    for before, here, after in zip(points, points[1:], points[2:]):
      if here[0] > 0 and here[1] >= target <= after[1]:
        begin, low = max(before[0], 0), min(before[1], target)
        part = (target - low) / (here[1] - low) if here[1] > low else 0.0
        return begin + part * (here[0] - begin)
    return np.inf

  @property
  def lasted(self) -> float:
    """Time at the end."""
    return self.seconds[-1]

  @property
  def start(self) -> float:
    """Hold-out accuracy at the end of the warm start; NaN: there was none."""
    return self.holdout[self.steps.index(0)] if 0 in self.steps else np.nan

  @property
  def end(self) -> float:
    """Hold-out accuracy of the trained model."""
    return self.holdout[-1]

  @property
  def least(self) -> float:
    """Least hold-out accuracy after the warm start."""
    return min(a for a, steps in zip(self.holdout, self.steps) if steps > 0)


def of(run: Run) -> Curve:
  """Returns the curve of a finished run."""
  rows, warm = run.evaluations, config_lib.warmstart_steps(run.config)
  accuracies = np.sort(run.records, order='compute_end')['accuracy']
  accuracies = accuracies[~np.isnan(accuracies)]  # A discarded gradient has none.
  ends = [row.steps for row in rows]
  training = [
    float(np.mean(accuracies[low:high])) for low, high in zip([0, *ends[:-1]], ends)
  ]
  begin = (0.0, 0)
  if warm:
    released = [row for row in rows if row.steps == warm]
    if not released:
      raise ValueError(f'{run.workdir} was not evaluated at the end of its warm start')
    begin = (released[0].seconds, warm)
  summary = run.summary or {}
  return Curve(
    [row.seconds - begin[0] for row in rows],
    [row.steps - begin[1] for row in rows],
    training,
    [row.holdout_accuracy for row in rows],
    summary['staleness']['mean'] or 0.0,
    [row.holdout_loss for row in rows],
  )


def as_csv(head: Sequence[str], curves: Iterable[tuple[Sequence[Any], Curve]]) -> str:
  """Returns all points of curves.

  Args:
    head: Names of the columns that say whose curve it is.
    curves: Values of these columns, and the curve.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  columns = ('seconds', 'steps', 'training_accuracy', 'holdout_accuracy', 'holdout_loss')
  writer.writerow((*head, *columns))
  for whose, curve in curves:
    for now, steps, *figures in zip(*curve[:4], curve.losses):
      writer.writerow((*whose, f'{now:.3f}', steps, *(f'{x:.5f}' for x in figures)))
  return text.getvalue()
