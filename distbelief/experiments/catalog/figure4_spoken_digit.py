"""Figure 4 of the paper on real speech, in simulated time."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import figure4, figure4_results, figure4_spoken_digit, page
from distbelief.experiments.experiment import Experiment, Result

_PAGE = page.Page(
  title='Figure 4 on real speech: spoken digits',
  question=(
    'Does what [figure 4](../figure4/README.md) finds on synthetic speech, where nothing '
    'is seen twice, hold on real speech, of which there is so little that all of it is '
    'seen many times? In simulated time with real gradients.'
  ),
  source_numbers=figure4_results.SOURCE_NUMBERS,
  caption=figure4_results.CAPTION,
  deviations=figure4_spoken_digit.DEVIATIONS,
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  num_steps: int = figure4_spoken_digit.NUM_STEPS,
  num_rates: int = 7,
  target: float = figure4_spoken_digit.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes every method with seed 0, and trains it with all."""
  sweep = figure4_spoken_digit.measure(workdir, seeds, num_steps, num_rates, target)
  title = figure4_results.relative_staleness(sweep.methods.values(), num_steps)
  return page.of_sweep(
    'figure4_spoken_digit',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      figure4_results.table(sweep, seeds, target),
      figure4.judge(sweep, seeds, target, figure4_spoken_digit.COMPARED),
      figure4_results.picture(sweep, seeds, target, title, stamp),
    ),
  )


EXPERIMENT = Experiment(
  name='figure4_spoken_digit',
  question='Does Figure 4 look the same on real speech that is seen many times?',
  claims='C4, C5, C8 on real speech (claims.toml; spoken_digit of TensorFlow Datasets)',
  minutes=30,
  output='paper_results/figure4_spoken_digit/figure4_spoken_digit.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 800, 'num_rates': 1, 'stamp': 'quick: no result'},
)
