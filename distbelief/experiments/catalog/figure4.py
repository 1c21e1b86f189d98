"""Figure 4 of the paper, in simulated time: accuracy against time, four methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import figure4, page
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='Figure 4: accuracy against time',
  question=(
    'Is Downpour faster than SGD, and faster with Adagrad and with more replicas? The '
    'figure by which the paper argues for asynchrony, in simulated time with real '
    'gradients.'
  ),
  source_numbers=(
    'The text of the paper ranks the curves and gives no numbers: SGD is the slowest, 20 '
    'replicas with a fixed rate a significant improvement, Adagrad with 20 modestly '
    'faster still, Adagrad with 200 the fastest; all start from the same ten hours of '
    'simple SGD. What can only be read off the curves is not repeated here.'
  ),
  caption=(
    'Times in simulated seconds from the end of the warm start to the target on the '
    'hold-out set: median over the seeds, and its interval. *staleness*: mean number of '
    'updates between a fetch and the push that came of it. In the picture the median and '
    'the range of the seeds.'
  ),
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
  judged = figure4.judge(sweep, seeds, target)
  table = figure4.table(sweep, seeds, target)
  return page.of_sweep(
    'figure4',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      table,
      judged,
      _picture(sweep, seeds, num_steps, target, stamp),
    ),
  )


def _picture(
  sweep: Sweep, seeds: Sequence[int], num_steps: int, target: float, stamp: str
) -> bytes:
  from distbelief.pictures import accuracy

  lines = {
    method.label: accuracy.Line.of(sweep.of(name, seeds))
    for name, method in sweep.methods.items()
  }
  stale = ', '.join(
    f'{(m.replicas - 1) / (m.longer * num_steps):.1g}'
    for m in sweep.methods.values()
    if m.replicas > 1
  )
  title = f'staleness over the number of updates: {stale}; shaded: the warm start by SGD'
  return accuracy.picture(lines, target, title, stamp)


EXPERIMENT = Experiment(
  name='figure4',
  question='Is Downpour faster than SGD, and faster with Adagrad and more replicas?',
  claims='C4, C5 and the order of the Downpour curves in C8 (experiments/claims.toml)',
  minutes=40,
  output='paper_results/figure4/figure4.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 800, 'num_rates': 1, 'stamp': 'quick: no result'},
)
