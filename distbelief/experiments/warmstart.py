"""What the warm start is good for: rates that work with and without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from distbelief.experiments import figure4, intervals, tables, verdicts
from distbelief.experiments.figure4 import FIXED
from distbelief.experiments.sweep import Method, Point, Sweep
from distbelief.experiments.verdicts import Judgement

NUM_STEPS = 8000
TARGET = 0.30
REPLICAS = 20
PARTS = (0.0, 0.02, 0.1)  # Of all minibatches.
RATES = {
  'fixed': (0.12, 0.25, 0.5, 1.0),
  'adagrad': (0.02, 0.04, 0.08, 0.16),
}
_RULES: Mapping[str, tuple[str, str, Mapping]] = {
  'fixed': ('fixed rate', 'fixed', FIXED),
  'keep': ('Adagrad', 'adagrad', {}),
  'reset': ('Adagrad, its sums emptied', 'adagrad', {'downpour.reset_slots': True}),
}


def name_of(rule: str, part: float) -> str:
  """Returns the name of a method: rule (fixed, keep, reset) and part of the steps."""
  return f'{rule}_{100 * part:g}'


def methods(num_steps: int, replicas: int) -> dict[str, Method]:
  """Returns all rules with warm starts of all lengths."""
  return {
    name_of(rule, part): Method(
      f'{label}, {f"warm start of {part:.0%}" if part else "no warm start"}',
      replicas,
      {**fields, 'downpour.warmstart_steps': round(part * num_steps)},
      RATES[grid],
    )
    for rule, (label, grid, fields) in _RULES.items()
    for part in PARTS
    if part or rule != 'reset'  # Without a warm start there is nothing to empty.
  }


def measure(
  workdir: Path,
  replicas: int,
  seeds: Sequence[int],
  num_steps: int,
  num_rates: int,
  target: float,
) -> Sweep:
  """Runs every method at each rate of its grid with all seeds."""
  warm_steps = [round(part * num_steps) for part in PARTS if part]
  # Twice the frames, since some replicas do more steps than others.
  fields = figure4.fields(num_steps, warm_steps, longest=2)
  found = methods(num_steps, replicas)
  sweep = Sweep('warm start', workdir, found, figure4.CONFIG, fields)
  sweep.tune(num_rates, target, moves=False)  # All have the same rates.
  sweep.repeat(seeds, neighbours=num_rates)
  return sweep


def working(sweep: Sweep, name: str, seeds: Sequence[int], target: float) -> list[int]:
  """Returns with how many rates of the grid the target is reached, per seed."""
  return [
    sum(
      sweep.curves[Point(name, rate, seed)].steps_to(target) < np.inf
      for rate in sweep.tuned[name].scores
    )
    for seed in seeds
  ]


def dips(sweep: Sweep, name: str, seeds: Sequence[int]) -> list[float]:
  """Returns how far the accuracy falls when the replicas are released, per seed.

  At the best rate, in points: accuracy at the end of the warm start less the least one
  after it.
  """
  return [max(c.start - c.least, 0.0) for c in sweep.of(name, seeds)]


def judge(sweep: Sweep, seeds: Sequence[int], target: float) -> list[Judgement]:
  """Returns the verdict on C7, with what was accumulated kept, and emptied."""
  cold = working(sweep, name_of('keep', 0.0), seeds, target)
  judged = []
  for claim, rule in (('C7', 'keep'), ('C7-reset', 'reset')):
    warm = name_of(rule, PARTS[-1])
    names = (name_of('keep', 0.0), warm)
    gate = {
      'needed': max(cold) < len(sweep.tuned[name_of('keep', 0.0)].scores),
      'grid': len({len(sweep.tuned[name].scores) for name in names}) == 1,
      'reached': all(
        np.isfinite(sweep.of(warm, seeds)[i].steps_to(target)) for i in range(len(seeds))
      ),
    }
    gained = np.subtract(working(sweep, warm, seeds, target), cold)
    judged.append(verdicts.judge(claim, gained.tolist(), gate))
  return judged


def table(sweep: Sweep, seeds: Sequence[int], target: float) -> str:
  """Returns a table of all methods, in Markdown."""
  rows = []
  for name, method in sweep.methods.items():
    tuned, found = sweep.tuned[name], sweep.of(name, seeds)
    rows.append(
      (
        method.label,
        str(tuned),
        f'{intervals.median(working(sweep, name, seeds, target))} of {len(tuned.scores)}',
        intervals.of_times([curve.steps_to(target) for curve in found]),
        intervals.of_percent(dips(sweep, name, seeds))
        if np.isfinite(found[0].start)
        else '',
        intervals.of_percent([curve.end for curve in found]),
      )
    )
  head = (
    *('method', 'best rate', 'rates that work', f'minibatches to {target:.0%}'),
    *('points lost at the release', '% correct at the end'),
  )
  return tables.markdown(head, rows)
