"""Tolerances of measured runs: a number, the theory, and bounds that it must keep."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from distbelief.experiments import intervals, tables


class Tolerance(NamedTuple):
  """A number that must lie between bounds."""

  name: str
  theory: float
  least: float
  most: float
  of: Callable[[Any], float]  # Computes it from one repetition of all cases.


def within(
  name: str, theory: float, part: float, of: Callable[[Any], float]
) -> Tolerance:
  """Returns the claim that a number agrees with theory, up to a fraction of it."""
  return Tolerance(name, theory, (1 - part) * theory, (1 + part) * theory, of)


def judge(
  claims: Sequence[Tolerance], found: Sequence[Any], width: float = 1.0
) -> list[dict[str, Any]]:
  """Returns each claim with the median over the repetitions, and whether it holds.

  Args:
    claims: Claims, each about one repetition.
    found: Results of each repetition, at least one.
    width: Factor on the bounds' distance from the theory.
  """
  rows = []
  for claim in claims:
    values = [claim.of(repetition) for repetition in found]
    median = statistics.median(values)
    least, most = (
      claim.theory + width * (b - claim.theory) for b in (claim.least, claim.most)
    )
    rows.append(
      {
        'claim': claim.name,
        'theory': claim.theory,
        'least': least,
        'most': None if np.isinf(most) else most,
        'median': median,
        'values': values,
        'holds': bool(least <= median <= most),
      }
    )
  return rows


def table(judged: Sequence[Mapping[str, Any]]) -> str:
  """Returns the claims as a table in Markdown: medians with their intervals."""
  rows = [
    (
      row['claim'],
      f'{row["theory"]:.3g}',
      _bounds(row['least'], row['most']),
      str(intervals.median(row['values'])),
      _decided(row),
    )
    for row in judged
  ]
  return tables.markdown(('claim', 'theory', 'bounds', 'median', 'holds'), rows)


def _decided(row: Mapping[str, Any]) -> str:
  """Returns whether a claim holds anywhere in the interval of its median."""
  found = intervals.median(row['values'])
  least, most = row['least'], np.inf if row['most'] is None else row['most']
  if least <= found.low and found.high <= most:
    return 'yes'
  return 'no' if found.high < least or found.low > most else 'undecided'


def _bounds(least: float, most: float | None) -> str:
  return f'at least {least:.3g}' if most is None else f'{least:.3g} to {most:.3g}'
