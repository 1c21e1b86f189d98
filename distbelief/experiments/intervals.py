"""The middle of repeated measurements, with the interval that it may lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 9999


class Interval(NamedTuple):
  """A location, and a bootstrap interval of it."""

  value: float
  low: float
  high: float

  def __str__(self) -> str:
    if np.isinf([self.low, self.high]).all() and self.low < self.high:
      return f'{_digits(self.value)} (one seed)'
    return f'{_digits(self.value)} [{_digits(self.low)}, {_digits(self.high)}]'


def median(values: Sequence[float]) -> Interval:
  """Returns the median with its percentile bootstrap interval, at the level LEVEL.

  With five values the interval is nearly their range, which is as it should be: fewer do
  not tell more.

  Args:
    values: Measurements, one per seed. Of one alone the interval is infinite. A value may
      be infinite, e.g. the time to a target that was not reached.

  Raises:
    ValueError: If there is none, or one is NaN.
  """
  sample = np.asarray(values, np.float64)
  if not len(sample) or np.isnan(sample).any():
    raise ValueError(f'{list(values)} are no measurements')
  if len(sample) == 1:
    return Interval(float(sample[0]), -np.inf, np.inf)
  ordered = np.sort(sample)
  # Resampling ranks instead of values: a median of infinities has no arithmetic.
  found = stats.bootstrap(
    (np.arange(len(sample), dtype=np.float64),),
    _lower_median,
    n_resamples=_RESAMPLES,
    confidence_level=LEVEL,
    method='percentile',
    rng=np.random.default_rng(0),
    vectorized=True,
  ).confidence_interval
  # As far from the largest as from the least: of an even number the lower median is not.
  rank = round(float(found.low))
  low, high = ordered[rank], ordered[-1 - rank]
  return Interval(float(np.median(ordered)), float(low), float(high))


def fraction(hits: int, trials: int) -> Interval:
  """Returns the fraction of trials that hit, with its exact binomial interval."""
  test = stats.binomtest(hits, trials).proportion_ci(LEVEL, method='exact')
  return Interval(hits / trials, float(test.low), float(test.high))


def of_times(values: Sequence[float]) -> str:
  """Returns the median and its interval as text, with how many are infinite.

  Args:
    values: Times or steps to a target, one per seed; infinite: it was not reached.
  """
  missed = int(np.isinf(values).sum())
  if missed == len(values):
    return 'not reached'
  return str(median(values)) + f', {missed} not reached' * bool(missed)


def of_percent(values: Sequence[float]) -> str:
  """Returns the median of fractions and its interval in percent; NaN counts as 0."""
  return str(median((100 * np.nan_to_num(values)).tolist()))


def _lower_median(ranks: np.ndarray, axis: int = -1) -> np.ndarray:
  return np.quantile(ranks, 0.5, axis=axis, method='lower')


def _digits(value: float) -> str:
  """Returns a number with three digits, or all that stand before the point."""
  if np.isinf(value):
    return '∞' if value > 0 else '-∞'
  if abs(value) >= 1000:
    return f'{value:,.0f}'
  return np.format_float_positional(value, 3, fractional=False, trim='-')
