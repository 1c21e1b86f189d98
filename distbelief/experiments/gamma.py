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
) -> Sweep:
  """Tunes all with seed 0; the best rates and their neighbours with all seeds."""
  sweep = Sweep(
    'gamma',
    workdir,
    methods(replicas, batch_sizes),
    figure4.CONFIG,
    figure4.fields(
      num_steps,
      [WARM_STEPS * num_steps // NUM_STEPS],
      batch_size=max(batch_sizes),
      evaluations=80,
    ),
  )
  sweep.tune_loss(num_rates)
  sweep.repeat(seeds, neighbours=1)
  return sweep


def best_rate(sweep: Sweep, name: str, seed: int) -> float:
  """Returns the rate with the least loss in the end with a seed, of those repeated."""

  def loss(rate: float) -> float:
    return float(
      np.nan_to_num(sweep.curves[Point(name, rate, seed)].losses[-1], nan=np.inf)
    )

  return min(sweep.rates(name, 1), key=loss)


def ratios(sweep: Sweep, number: int, size: int, seeds: Sequence[int]) -> list[float]:
  """Returns gamma over eta of each seed, both of the mean gradient of a minibatch.

  Of the sum over a minibatch, as many times more: a fixed rate for sums is the one for
  means over the batch size, and Adagrad's does not change, since it divides by the size
  of past gradients.
  """
  return [
    best_rate(sweep, f'adagrad_{number}_{size}', seed)
    / best_rate(sweep, f'fixed_{number}_{size}', seed)
    for seed in seeds
  ]


def judge(
  sweep: Sweep, deciding: tuple[int, int], seeds: Sequence[int]
) -> list[Judgement]:
  """Returns the verdicts on C9, in summed and in mean units.

  Args:
    sweep: Runs.
    deciding: Number of replicas and batch size that decide.
    seeds: Seeds.
  """
  number, size = deciding
  names = [f'{rule}_{number}_{size}' for rule in ('fixed', 'adagrad')]
  gate = {
    'learned': all(c.end > c.start for name in names for c in sweep.of(name, seeds)),
    'staleness': all(gates.is_as_stale_as_expected(sweep, n, seeds) for n in names),
    'warm': gates.has_one_start(sweep, names, seeds),
    **gates.tuned_alike(sweep, names),
  }
  means = ratios(sweep, number, size, seeds)
  return [
    verdicts.judge('C9', [size * ratio for ratio in means], gate),
    verdicts.judge('C9-mean', means, gate),
  ]


def table(
  sweep: Sweep,
  replicas: Sequence[int],
  batch_sizes: Sequence[int],
  seeds: Sequence[int],
) -> str:
  """Returns a table of the best rates and their ratios, in Markdown."""
  rows = []
  for number in replicas:
    for size in batch_sizes:
      means = ratios(sweep, number, size, seeds)
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
