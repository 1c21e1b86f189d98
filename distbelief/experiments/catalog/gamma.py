"""Adagrad's gamma against the best fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import deviations, gamma, page
from distbelief.experiments import sweep as sweep_lib
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Point, Sweep

_PAGE = page.Page(
  title='Adagrad: gamma against the best fixed rate',
  question=(
    'Is gamma ten times the best fixed rate, as the paper says? Whoever tunes Adagrad '
    'begins his grid there. The answer depends on whether a gradient is the sum or the '
    'mean over its minibatch, which the paper does not say.'
  ),
  source_numbers=(
    'Section 4.1: gamma is generally larger than the best fixed learning rate, perhaps '
    'by an order of magnitude.'
  ),
  caption=(
    'Best is the rate with the least hold-out loss in the end: the table has that with '
    'seed 0. The ratios are medians over the seeds, each with the best of three '
    'neighbouring rates, and their intervals. Rates differ by a factor of two, and so do '
    'ratios. Adagrad divides by past gradients, so that gamma is the same for sums and '
    'means; a fixed rate for sums is the one for means over the batch size.'
  ),
  deviations=(
    deviations.SIMULATED,
    deviations.SYNTHETIC,
    deviations.SMALL,
    'The grids were chosen with seed 0, which is not among those that count.',
    deviations.INHERITED,
    deviations.MISSING,
    '6,000 minibatches, 2,000 of them the warm start: staleness over the number of '
    'updates is 3e-3 with 20 replicas, much harsher than in the paper.',
    'Minibatches of 32 and 100; the paper does not tell its own.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  replicas: tuple[int, ...] = gamma.REPLICAS,
  batch_sizes: tuple[int, ...] = gamma.BATCH_SIZES,
  num_steps: int = gamma.NUM_STEPS,
  num_rates: int = 5,
  stamp: str = '',
) -> Result:
  """Tunes both rules with seed 0; the best rates and neighbours with all."""
  sweep = gamma.measure(workdir, replicas, batch_sizes, seeds, num_steps, num_rates)
  deciding = (replicas[-1], batch_sizes[-1])
  return page.of_sweep(
    'gamma',
    _PAGE,
    sweep,
    seeds,
    None,
    page.Found(
      gamma.table(sweep, replicas, batch_sizes, seeds),
      gamma.judge(sweep, deciding, seeds),
      _picture(sweep, sweep_lib.TUNING_SEED, deciding, stamp),
      {
        'gamma_over_eta_of_means': {
          f'{number} replicas, batch size {size}': gamma.ratios(
            sweep, number, size, seeds
          )
          for number in replicas
          for size in batch_sizes
        }
      },
    ),
  )


def _picture(sweep: Sweep, seed: int, deciding: Sequence[int], stamp: str) -> bytes:
  from distbelief.pictures import against

  number, size = deciding

  def line(rule: str, factor: float) -> against.Line:
    name = f'{rule}_{number}_{size}'
    rates = list(sweep.tuned[name].scores)
    losses = [[sweep.curves[Point(name, r, seed)].losses[-1]] for r in rates]
    return against.Line([rate * factor for rate in rates], losses)

  panels = [
    against.Panel(
      f'rate, for gradients that are {unit} over a minibatch',
      'hold-out loss in the end',
      {'fixed rate': line('fixed', factor), 'Adagrad': line('adagrad', 1.0)},
    )
    for unit, factor in (('means', 1.0), ('sums', 1 / size))
  ]
  return against.picture(panels, f'{number} replicas, minibatches of {size}', stamp)


EXPERIMENT = Experiment(
  name='gamma',
  question="Is Adagrad's gamma an order of magnitude above the best fixed rate?",
  claims='C9, in summed and in mean units (experiments/claims.toml)',
  minutes=30,
  output='paper_results/gamma/gamma.json',
  run=run,
  quick={
    'seeds': (0,),
    'replicas': (20,),
    'batch_sizes': (32,),
    'num_steps': 600,
    'num_rates': 3,
    'stamp': 'quick: no result',
  },
)
