"""The best rate of each method, on a grid that is as fine for one as for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from distbelief.experiments.results import or_null


class Score(NamedTuple):
  """How good a run was.

  Attributes:
    seconds: Simulated time to the target accuracy; infinite: it was not reached.
    accuracy: Hold-out accuracy in the end; NaN of a run that diverged counts as 0.
    loss: Hold-out loss in the end, where it decides instead of the accuracy; None: it
      does not. NaN counts as infinite.
  """

  seconds: float
  accuracy: float
  loss: float | None = None

  @property
  def order(self) -> tuple[float, float]:
    """Less is better: the time; without it the loss, or the accuracy."""
    if self.loss is None:
      return self.seconds, -float(np.nan_to_num(self.accuracy))
    return self.seconds, float(np.nan_to_num(self.loss, nan=np.inf))


class Tuned(NamedTuple):
  """The outcome of a grid.

  Attributes:
    rate: Best rate.
    at_the_edge: Whether it is the smallest or the largest of the grid.
    scores: Score of each rate.
  """

  rate: float
  at_the_edge: bool
  scores: Mapping[float, Score]

  @property
  def working(self) -> int:
    """Number of rates with which the target was reached."""
    return sum(np.isfinite(score.seconds) for score in self.scores.values())

  def __str__(self) -> str:
    return f'{self.rate:g}{" (edge of the grid)" * self.at_the_edge}'

  def as_json(self) -> dict:
    """Returns it with plain types; a target that was not reached is null."""
    return {
      'rate': self.rate,
      'at_the_edge': self.at_the_edge,
      'scores': [
        {
          'rate': rate,
          'seconds': or_null(score.seconds),
          'accuracy': or_null(score.accuracy),
          **({} if score.loss is None else {'loss': or_null(score.loss)}),
        }
        for rate, score in self.scores.items()
      ],
    }


def moved(grid: Sequence[float], rate: float) -> tuple[float, ...]:
  """Returns a grid moved on by one rate, beyond the one of its ends that is the best.

  Args:
    grid: Rates, ascending.
    rate: Best rate, the first or the last one.
  """
  if rate == grid[-1]:
    return (*grid[1:], _rounded(grid[-1] * grid[-1] / grid[-2]))
  return (_rounded(grid[0] * grid[0] / grid[1]), *grid[:-1])


def _rounded(rate: float) -> float:
  return float(f'{rate:.3g}')


def best(scores: Mapping[float, Score]) -> Tuned:
  """Returns the best rate of a grid."""
  rate = min(scores, key=lambda rate: scores[rate].order)
  return Tuned(rate, rate in (min(scores), max(scores)), scores)
