"""Conditions without which a comparison of methods means nothing (claims.toml)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from distbelief.experiments.sweep import Sweep
from distbelief.experiments.tuning import Tuned

_STALENESS = 0.1  # Most that mean staleness differs from M - 1, relative.
_SAME_START = 0.005  # Most that accuracies at the end of one warm start differ.


def comparison(
  sweep: Sweep, names: Collection[str], seeds: Sequence[int], target: float
) -> dict[str, bool]:
  """Returns which conditions hold for a comparison of tuned methods, by name."""
  return {
    'below': begin_below(sweep, names, seeds, target),
    'staleness': all(is_as_stale_as_expected(sweep, name, seeds) for name in names),
    **tuned_alike(sweep, names),
    'warm': has_one_start(sweep, names, seeds),
  }


def tuned_alike(sweep: Sweep, names: Collection[str]) -> dict[str, bool]:
  """Returns which conditions hold for the grids of tuned methods, by name."""
  return have_like_grids([sweep.tuned[name] for name in names])


def have_like_grids(tuned: Collection[Tuned]) -> dict[str, bool]:
  """Returns which conditions hold for the outcomes of grids, by name."""
  return {
    'grid': len({len(own.scores) for own in tuned}) == 1,
    'edge': not any(own.at_the_edge for own in tuned),
  }


def is_as_stale_as_expected(
  sweep: Sweep,
  name: str,
  seeds: Sequence[int],
  part: float = 1.0,
  within: float = _STALENESS,
) -> bool:
  """Returns whether the mean staleness of each seed was that of M replicas, M - 1.

  Args:
    sweep: Runs.
    name: Method.
    seeds: Seeds.
    part: Part of M - 1 that theory leaves, e.g. with latency.
    within: Most that it may differ from that, relative.
  """
  theory = part * (sweep.methods[name].replicas - 1)
  return all(
    abs(curve.staleness - theory) <= within * theory for curve in sweep.of(name, seeds)
  )


def is_decided(times: np.ndarray, lasted: np.ndarray) -> np.ndarray:
  """Returns where it is known which of some methods is the first at a target, [seeds].

  One of them reaches it, and those that do not ran as long as that one took: otherwise
  they might still have been faster.

  Args:
    times: Time of each method to the target, [methods, seeds]; infinite: it ended before.
    lasted: Length of each run, [methods, seeds].
  """
  first = times.min(axis=0)
  return np.isfinite(first) & (np.isfinite(times) | (lasted >= first)).all(axis=0)


def begin_below(
  sweep: Sweep, names: Collection[str], seeds: Sequence[int], target: float
) -> bool:
  """Returns whether no method had the target at the end of its warm start."""
  return all(c.start < target for name in names for c in sweep.of(name, seeds))


def has_one_start(sweep: Sweep, names: Collection[str], seeds: Sequence[int]) -> bool:
  """Returns whether the methods began alike with each seed, after their warm start."""
  starts = np.array([[c.start for c in sweep.of(name, seeds)] for name in names])
  return bool((np.ptp(starts, axis=0) <= _SAME_START).all())
