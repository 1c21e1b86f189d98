"""What a fixed staleness says of the claims on staleness (D1) and on depth (D2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from distbelief.experiments import gates, staleness_effects, verdicts
from distbelief.experiments.curves import Curve
from distbelief.experiments.staleness_effects import Effects, name_of
from distbelief.experiments.verdicts import Judgement

_CLAIMS = {'same': ('D1', 'D2'), 'best': ('D1-best', 'D2-best')}


def judge(found: Sequence[Effects], seeds: Sequence[int]) -> list[Judgement]:
  """Returns the verdicts on staleness (D1) and on depth (D2), by both arms."""
  judged = []
  for arm, (on_staleness, on_depth) in _CLAIMS.items():
    slow = [one.slowdowns(arm, seeds) for one in found]
    gate = _gate(found, arm, seeds)
    judged.append(verdicts.judge(on_staleness, growth(slow), gate))
    ratios = excess(slow[-1], slow[0])
    seen = {'seen': bool(np.isfinite([slow[0], slow[-1]])[:, 1:].any(axis=(0, 1)).all())}
    judged.append(verdicts.judge(on_depth, ratios, {**gate, **seen}))
  return judged


def growth(slow: Sequence[np.ndarray]) -> list[float]:
  """Returns the least factor from one staleness to the next, per seed, over all depths.

  Args:
    slow: Slowdowns of each depth, [staleness, seeds]. Two that are infinite do not count.
  """
  with np.errstate(invalid='ignore'):
    factors = np.array([own[1:] / own[:-1] for own in slow])
  return np.where(np.isnan(factors), np.inf, factors).min(axis=(0, 1)).tolist()


def excess(deep: np.ndarray, shallow: np.ndarray) -> list[float]:
  """Returns how many times more a deep network is slowed down, per seed.

  Args:
    deep: Slowdowns of the deepest network, [staleness, seeds].
    shallow: Those of the shallowest. What counts is the largest staleness at which either
      is finite.
  """
  ratios = []
  for own, other in zip(deep.T, shallow.T):
    last = np.flatnonzero(np.isfinite(own) | np.isfinite(other)).max(initial=0)
    with np.errstate(invalid='ignore'):
      ratios.append(float(own[last] / other[last]))
  return ratios


def _gate(found: Sequence[Effects], arm: str, seeds: Sequence[int]) -> Mapping[str, bool]:
  tuned = [
    one.sweep.tuned[name_of(one.depth, s)]
    for one in found
    for s in (one.staleness if arm == 'best' else (0,))
  ]
  return {
    'fixed': all(
      is_fixed(curve, s)
      for one in found
      for s in one.staleness
      for curve in one.curves(s, arm, seeds)
    ),
    'room': all(
      one.sweep.curves[one.point(0, arm, seed)].steps[-1]
      >= staleness_effects.MOST * steps
      for one in found
      for seed, steps in zip(seeds, one.steps(arm, seeds)[0])
    ),
    **gates.have_like_grids(tuned),
  }


def is_fixed(curve: Curve, staleness: int) -> bool:
  """Returns whether mean staleness is that of pushes in turn.

  The first ones are stale by 0, 1, 2, ..., until all replicas have pushed.
  """
  expected = staleness * (1 - (staleness + 1) / (2 * curve.steps[-1]))
  return bool(np.isclose(curve.staleness, expected, rtol=1e-3))
