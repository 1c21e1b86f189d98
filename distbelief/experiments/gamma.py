"""Adagrad's best rate over the best fixed rate, in both units of a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from distbelief.experiments import figure4, gates, intervals, tables, verdicts
from distbelief.experiments.figure4 import FIXED
from distbelief.experiments.sweep import Method, Point, Sweep
from distbelief.experiments.verdicts import Judgement

NUM_STEPS, WARM_STEPS = 6000, 2000
TARGET = 0.35  # Well above what the warm start reaches, 0.30.
REPLICAS = (1, 20)
BATCH_SIZES = (32, 100)
_FIXED_RATES = {1: (0.12, 0.25, 0.5, 1.0, 2.0), 20: (0.06, 0.12, 0.25, 0.5, 1.0)}
_ADAGRAD_RATES = {1: (0.02, 0.04, 0.08, 0.16, 0.32), 20: (0.01, 0.02, 0.04, 0.08, 0.16)}


def methods(replicas: Sequence[int], batch_sizes: Sequence[int]) -> Mapping[str, Method]:
  """Returns both rules with each number of replicas and each batch size."""
  return {
    f'{rule}_{number}_{size}': Method(
      f'{label}, {number} replicas, minibatches of {size}',
      number,
      {**fields, 'data.batch_size': size},
      rates[number],
    )
    for rule, label, fields, rates in (
      ('fixed', 'fixed rate', FIXED, _FIXED_RATES),
      ('adagrad', 'Adagrad', {}, _ADAGRAD_RATES),
    )
    for number in replicas
    for size in batch_sizes
  }


def measure(
  workdir: Path,
  replicas: Sequence[int],
  batch_sizes: Sequence[int],
  seeds: Sequence[int],
  num_steps: int,
  num_rates: int,
  target: float,
) -> Sweep:
  """Tunes all with seed 0; the best rates and their neighbours with all seeds."""
  sweep = Sweep(
    'gamma',
    workdir,
    methods(replicas, batch_sizes),
    figure4.CONFIG,
    figure4.fields(
      num_steps, [WARM_STEPS * num_steps // NUM_STEPS], batch_size=max(batch_sizes)
    ),
  )
  sweep.tune(num_rates, target)
  sweep.repeat(seeds, neighbours=1)
  return sweep


def best_rate(sweep: Sweep, name: str, seed: int, target: float) -> float:
  """Returns the rate that reaches the target first with a seed, of those repeated."""

  def order(rate: float) -> tuple[float, float]:
    curve = sweep.curves[Point(name, rate, seed)]
    return curve.seconds_to(target), -float(np.nan_to_num(curve.end))

  return min(sweep.rates(name, 1), key=order)


def ratios(
  sweep: Sweep, number: int, size: int, seeds: Sequence[int], target: float
) -> list[float]:
  """Returns gamma over eta of each seed, both of the mean gradient of a minibatch.

  Of the sum over a minibatch, as many times more: a fixed rate for sums is the one for
  means over the batch size, and Adagrad's does not change, since it divides by the size
  of past gradients.
  """
  return [
    best_rate(sweep, f'adagrad_{number}_{size}', seed, target)
    / best_rate(sweep, f'fixed_{number}_{size}', seed, target)
    for seed in seeds
  ]


def judge(
  sweep: Sweep, deciding: tuple[int, int], seeds: Sequence[int], target: float
) -> list[Judgement]:
  """Returns the verdicts on C9, in summed and in mean units.

  Args:
    sweep: Runs.
    deciding: Number of replicas and batch size that decide.
    seeds: Seeds.
    target: Hold-out accuracy.
  """
  number, size = deciding
  names = [f'{rule}_{number}_{size}' for rule in ('fixed', 'adagrad')]
  reached = all(
    np.isfinite(curve.seconds_to(target))
    for name in names
    for curve in sweep.of(name, seeds)
  )
  gate = {'reached': reached, **gates.comparison(sweep, names, seeds, target)}
  means = ratios(sweep, number, size, seeds, target)
  return [
    verdicts.judge('C9', [size * ratio for ratio in means], gate),
    verdicts.judge('C9-mean', means, gate),
  ]


def table(
  sweep: Sweep,
  replicas: Sequence[int],
  batch_sizes: Sequence[int],
  seeds: Sequence[int],
  target: float,
) -> str:
  """Returns a table of the best rates and their ratios, in Markdown."""
  rows = []
  for number in replicas:
    for size in batch_sizes:
      means = ratios(sweep, number, size, seeds, target)
      best = [sweep.tuned[f'{rule}_{number}_{size}'] for rule in ('fixed', 'adagrad')]
      rows.append(
        (
          str(number),
          str(size),
          *map(str, best),
          str(intervals.median(means)),
          str(intervals.median([size * ratio for ratio in means])),
        )
      )
  head = (
    *('replicas', 'batch size', 'eta of means', 'gamma'),
    *('gamma / eta, means', 'gamma / eta, sums'),
  )
  return tables.markdown(head, rows)
