"""Sweeps whose runs are made up."""

import math
from pathlib import Path

from distbelief.experiments import tuning
from distbelief.experiments.curves import Curve
from distbelief.experiments.sweep import Point, Sweep
from distbelief.experiments.tuning import Score

RATES = (1.0, 2.0, 4.0)
BEST = 2.0


def curve(reaches_at, start=0.2, staleness=0.0, end=0.6, loss=1.0):
  """Reaches its end at that time, which counts from the end of the warm start."""
  # A step up at whole numbers.
  times = [
    -2.0,
    0.0,
    *(now - d for now in (1.0, 2.0, 3.0, 3.5, 4.0, 5.0) for d in (1e-9, 0.0)),
  ]
  holdout = [0.1, start, *(end if now >= reaches_at else 0.3 for now in times[2:])]
  steps = [round(10 * now, 6) for now in times]
  return Curve(times, steps, holdout, holdout, staleness, [loss] * len(times))


def sweep(methods, seeds, times, **changed):
  """As if each method had reached its end at the time given, with every seed.

  Args:
    methods: Methods by name.
    seeds: Seeds.
    times: Time of each method at its best rate, BEST of RATES, by name; it is infinite at
      the others.
    **changed: By method: arguments of `curve` that differ.
  """
  found = Sweep('made up', Path('nowhere'), methods, 'nothing', {})
  for name, method in methods.items():
    more = {'staleness': method.replicas - 1.0} | changed.get(name, {})
    found.tuned[name] = tuning.best(
      {
        rate: Score(times[name], 0.6) if rate == BEST else Score(math.inf, 0.3)
        for rate in RATES
      }
    )
    for rate in RATES:
      reaches_at = times[name] if rate == BEST else math.inf
      for seed in seeds:
        found.curves[Point(name, rate, seed)] = curve(reaches_at, **more)
  return found
