"""What a fixed staleness costs: examples to a target, by networks of several depths.

M replicas whose steps all take equally long, without latency, push in turn: from the M-th
push on, every gradient is stale by exactly M - 1 updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief.experiments import figure4
from distbelief.experiments.curves import Curve
from distbelief.experiments.figure4 import FIXED
from distbelief.experiments.sweep import TUNING_SEED, Method, Point, Sweep

NUM_STEPS = 3600
STALENESS = (0, 4, 16, 64, 256)
DEPTHS = (1, 3, 6)
BATCH_SIZE = 32
WIDTH = 128
MOST = 8.0  # Slowdowns beyond it count as infinite; every depth has time for them.
_EARLY = 0.1  # Part of the minibatches after which staleness 0 sets the target,
_EASED = 0.9  # as this part of its accuracy.
_RATES = {
  0: (0.25, 0.5, 1.0, 2.0, 4.0),
  4: (0.06, 0.12, 0.25, 0.5, 1.0),
  16: (0.03, 0.06, 0.12, 0.25, 0.5),
  64: (0.008, 0.016, 0.03, 0.06, 0.12),
  256: (0.002, 0.004, 0.008, 0.016, 0.03),
}
ARMS = {
  'same': 'one rate: the best of staleness 0',
  'best': 'each at its best rate',
}


def name_of(depth: int, staleness: int) -> str:
  """Returns the name of a method."""
  return f'depth_{depth}_stale_{staleness}'


def methods(depth: int, staleness: Sequence[int]) -> dict[str, Method]:
  """Returns SGD with each staleness, by a network with so many hidden layers."""
  return {
    name_of(depth, s): Method(f'depth {depth}, staleness {s}', s + 1, FIXED, _RATES[s])
    for s in staleness
  }


def fields(depth: int, num_steps: int) -> dict[str, Any]:
  """Returns the fields of config that all runs of a depth have."""
  return {
    # Twice the frames: the few utterances of one of many replicas are to suffice.
    **figure4.fields(num_steps, [0], longest=2, batch_size=BATCH_SIZE),
    'data.batch_size': BATCH_SIZE,
    'model.hidden_units': (WIDTH,) * depth,
    'cluster.step_distribution': 'constant',
    'simulation.replica_bandwidth': 1e15,
  }


class Effects(NamedTuple):
  """The runs of one depth.

  Attributes:
    depth: Number of hidden layers.
    sweep: Runs.
    target: Hold-out accuracy to which minibatches are counted.
    staleness: Each fixed staleness, ascending from 0.
  """

  depth: int
  sweep: Sweep
  target: float
  staleness: Sequence[int]

  def point(self, staleness: int, arm: str, seed: int) -> Point:
    """Returns a run: 'same' at the best rate of staleness 0, 'best' at its own."""
    tuned = self.sweep.tuned[name_of(self.depth, 0 if arm == 'same' else staleness)]
    return Point(name_of(self.depth, staleness), tuned.rate, seed)

  def curves(self, staleness: int, arm: str, seeds: Sequence[int]) -> list[Curve]:
    """Returns a curve per seed."""
    return [self.sweep.curves[self.point(staleness, arm, seed)] for seed in seeds]

  def steps(self, arm: str, seeds: Sequence[int]) -> np.ndarray:
    """Returns the minibatches to the target, [staleness, seeds]; infinite: never."""
    return np.array(
      [
        [curve.steps_to(self.target) for curve in self.curves(s, arm, seeds)]
        for s in self.staleness
      ]
    )

  def slowdowns(self, arm: str, seeds: Sequence[int]) -> np.ndarray:
    """Returns `steps` over those of staleness 0; beyond MOST it is infinite."""
    steps = self.steps(arm, seeds)
    with np.errstate(invalid='ignore'):
      found = steps / steps[0]
    return np.where(found <= MOST, found, np.inf)


def measure(
  workdir: Path,
  depths: Sequence[int],
  staleness: Sequence[int],
  seeds: Sequence[int],
  num_steps: int,
  num_rates: int,
) -> list[Effects]:
  """Tunes every depth and staleness with seed 0; runs both arms with all seeds."""
  found = []
  for depth in depths:
    sweep = Sweep(
      f'staleness effects, depth {depth}',
      workdir,
      methods(depth, staleness),
      figure4.CONFIG,
      fields(depth, num_steps),
    )
    sweep.tune(num_rates, np.inf)  # The target is known once the grid of 0 is.
    target = target_of(sweep, name_of(depth, 0), num_steps)
    sweep.tune(num_rates, target)
    sweep.repeat(seeds)
    one = Effects(depth, sweep, target, staleness)
    sweep.run([one.point(s, 'same', i) for s in staleness for i in seeds], 'one rate')
    found.append(one)
  return found


def target_of(sweep: Sweep, fresh: str, num_steps: int) -> float:
  """Returns the accuracy to reach: a part of what staleness 0 has early on.

  Args:
    sweep: Runs; those with the seed that tunes are there.
    fresh: Name of the method without staleness.
    num_steps: Number of minibatches of each run.
  """
  early = [
    np.interp(_EARLY * num_steps, curve.steps, np.nan_to_num(curve.holdout))
    for point, curve in sweep.curves.items()
    if (point.method, point.seed) == (fresh, TUNING_SEED)
  ]
  return _EASED * float(max(early))
