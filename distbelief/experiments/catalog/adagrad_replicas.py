"""How many replicas are of use, with a fixed rate and with Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import figure4, figure4_results, figure5, page
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='Adagrad and the number of replicas',
  question=(
    'With more replicas gradients are staler; from some number on, one more slows the '
    'training. Does Adagrad put that number up, as the paper says?'
  ),
  source_numbers=(
    'Section 4.1: Adagrad extends the maximum number of replicas that can productively '
    'work at the same time. There is no number in the paper.'
  ),
  caption=(
    'Simulated seconds from the end of the warm start to the target on the hold-out set: '
    'median over the seeds, and its interval. *rates that reach it*: with seed 0, which '
    'tunes, of rates that differ by a factor of two; the wider the range, the less care '
    'does tuning require. The number of replicas that is of use is the one that takes '
    'the least time.'
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
  """Tunes every rule and number with seed 0, and trains it with all."""
  sweep = figure5.measure(
    'replicas', workdir, replicas, seeds, num_steps, num_rates, target
  )
  return page.of_sweep(
    'adagrad_replicas',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      figure5.range_table(sweep, replicas, seeds, target),
      [figure5.judge_replicas(sweep, replicas, seeds, target)],
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
  accuracies = {
    label: [
      [curve.end for curve in sweep.of(f'{rule}_{number}', seeds)] for number in replicas
    ]
    for rule, label in figure5.RULES.items()
  }
  panels = [
    against.Panel(
      'replicas',
      f'simulated seconds to {target:.0%}',
      {label: against.Line(replicas, own) for label, own in seconds.items()},
    ),
    against.Panel(
      'replicas',
      'hold-out accuracy at the end',
      {label: against.Line(replicas, own) for label, own in accuracies.items()},
      logarithmic=False,
    ),
  ]
  title = figure4_results.relative_staleness(sweep.methods.values(), num_steps)
  return against.picture(panels, title, stamp)


EXPERIMENT = Experiment(
  name='adagrad_replicas',
  question='Does Adagrad extend the number of replicas that are of use?',
  claims='C6 (experiments/claims.toml)',
  minutes=60,
  output='paper_results/adagrad_replicas/adagrad_replicas.json',
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
