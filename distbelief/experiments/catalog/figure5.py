"""Figure 5 of the paper, in simulated time: time to an accuracy, against machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import figure4, figure4_results, figure5, page
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='Figure 5: time to an accuracy, against machines and cores',
  question=(
    'Is Downpour with Adagrad the faster one, whatever the number of machines? By this '
    'figure the paper compares methods at equal cost.'
  ),
  source_numbers=(
    'Time to 16 % correct on the hold-out set, four sizes a method. For any number of '
    'machines or cores Downpour with Adagrad takes less time than with a fixed rate and '
    'than Sandblaster; with a fixed rate the target is in many cases not reached at all '
    'before the deadline. The paper gives no other numbers in its text.'
  ),
  caption=(
    'Simulated seconds from the end of the warm start to the target on the hold-out set: '
    'median over the seeds, and its interval. *machines*: eight a replica, parameter '
    'servers not counted. *busy cores*: those of 20 a machine that compute, on average; '
    'the others wait for the network (those of the eight machines wait for each other as '
    'well, which is not counted). In the picture the range of the seeds; "never" '
    'counts seeds that did not reach the target.'
  ),
  deviations=figure5.DEVIATIONS,
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  replicas: tuple[int, ...] = figure5.REPLICAS,
  num_steps: int = figure4.NUM_STEPS,
  num_rates: int = 5,
  target: float = figure5.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes every method and size with seed 0, and trains it with all."""
  sweep = figure5.measure(
    'figure 5', workdir, replicas, seeds, num_steps, num_rates, target
  )
  return page.of_sweep(
    'figure5',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      figure5.budget_table(sweep, seeds, target),
      [figure5.judge_budgets(sweep, replicas, seeds, target)],
      _picture(sweep, replicas, seeds, num_steps, target, stamp),
    ),
  )


def _picture(
  sweep: Sweep,
  replicas: Sequence[int],
  seeds: Sequence[int],
  num_steps: int,
  target: float,
  stamp: str,
) -> bytes:
  from distbelief.pictures import against

  seconds = {
    label: figure5.times(sweep, rule, replicas, seeds, target).tolist()
    for rule, label in figure5.RULES.items()
  }
  machines = [figure5.MACHINES * number for number in replicas]
  cores = {
    label: [
      figure5.utilised_cores(sweep, f'{rule}_{number}', seeds[0]) for number in replicas
    ]
    for rule, label in figure5.RULES.items()
  }
  name = f'simulated seconds to {target:.0%}'
  panels = [
    against.Panel(
      'machines, 8 a replica',
      name,
      {label: against.Line(machines, own) for label, own in seconds.items()},
    ),
    against.Panel(
      'cores that compute, on average',
      name,
      {label: against.Line(cores[label], own) for label, own in seconds.items()},
    ),
  ]
  title = figure4_results.relative_staleness(sweep.methods.values(), num_steps)
  return against.picture(panels, title, stamp)


EXPERIMENT = Experiment(
  name='figure5',
  question='Is Downpour with Adagrad faster for every number of machines?',
  claims='C10, but for Sandblaster (experiments/claims.toml)',
  minutes=60,
  output='paper_results/figure5/figure5.json',
  run=run,
  quick={
    'seeds': (0,),
    'replicas': (20, 200),
    'num_steps': 800,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
  shares='figure4',
)
