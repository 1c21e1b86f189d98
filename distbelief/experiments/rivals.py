"""How far one replica's loss curve is from that of asynchronous replicas.

The yardstick is a repetition: the same asynchronous run with the same data and initial
weights, whose exponential step times were drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distbelief.experiments.curves import Curve
from distbelief.experiments.sweep import Point, Sweep

_DIVERGED = 1e3  # Loss beyond which it does not matter how large it is.


def losses(curve: Curve) -> np.ndarray:
  """Returns the hold-out losses of a curve; those of a run that diverged are large."""
  return np.clip(np.nan_to_num(curve.losses, nan=_DIVERGED), None, _DIVERGED)


def distance(one: Curve, other: Curve) -> float:
  """Returns how far two curves are apart, of the loss against minibatches.

  The root of the mean square of the difference of their logarithms: 0.1 stands for some
  10 % of the loss, as much at the beginning as at the end.
  """
  there = np.interp(one.steps, other.steps, np.log(losses(other)))
  return float(np.sqrt(np.mean((np.log(losses(one)) - there) ** 2)))


def distances(
  sweep: Sweep, name: str, rival: str, factor: float, seeds: Sequence[int]
) -> np.ndarray:
  """Returns how far a rival is from an asynchronous method, against a repetition.

  Args:
    sweep: Runs.
    name: Method whose best rate counts, exponential or constant.
    rival: Method that is compared with it.
    factor: Factor on the rate with which the rival runs.
    seeds: Seeds.

  Returns:
    Distance of the rival, over that of two asynchronous runs at the same rate whose
    exponential step times were drawn anew, [seeds].
  """
  rate = sweep.tuned[name].rate
  found = []
  for seed in seeds:
    own, first, second = (
      sweep.curves[Point(n, rate, seed)] for n in (name, 'exponential', 'again')
    )
    other = sweep.curves[Point(rival, rate * factor, seed)]
    found.append(distance(own, other) / max(distance(first, second), 1e-9))
  return np.array(found)


def figures(sweep: Sweep, seeds: Sequence[int], replicas: int) -> dict[str, list[float]]:
  """Returns how far each rival is from each asynchronous method, for the JSON file."""
  return {
    f'distance of {rival} from {name}, over that of a repetition': distances(
      sweep, name, rival, factor, seeds
    ).tolist()
    for name in ('exponential', 'constant')
    for rival, factor in (('momentum', 1 / replicas), ('alone', 1.0))
  }
