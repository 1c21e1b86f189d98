"""Figure 4 of the paper, in simulated time: accuracy against time, four methods."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import figure4, figure4_results, page
from distbelief.experiments.experiment import Experiment, Result

_PAGE = page.Page(
  title='Figure 4: accuracy against time',
  question=(
    'Is Downpour faster than SGD, and faster with Adagrad and with more replicas? The '
    'figure by which the paper argues for asynchrony, in simulated time with real '
    'gradients.'
  ),
  source_numbers=figure4_results.SOURCE_NUMBERS,
  caption=figure4_results.CAPTION,
  deviations=figure4.DEVIATIONS,
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  num_steps: int = figure4.NUM_STEPS,
  num_rates: int = 5,
  target: float = figure4.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes every method with seed 0, and trains it with all."""
  sweep = figure4.measure(workdir, seeds, num_steps, num_rates, target)
  title = figure4_results.relative_staleness(sweep.methods.values(), num_steps)
  return page.of_sweep(
    'figure4',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      figure4_results.table(sweep, seeds, target),
      figure4.judge(sweep, seeds, target),
      figure4_results.picture(sweep, seeds, target, title, stamp),
    ),
  )


EXPERIMENT = Experiment(
  name='figure4',
  question='Is Downpour faster than SGD, and faster with Adagrad and more replicas?',
  claims='C4, C5 and the order of the Downpour curves in C8 (experiments/claims.toml)',
  minutes=40,
  output='paper_results/figure4/figure4.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 800, 'num_rates': 1, 'stamp': 'quick: no result'},
)
