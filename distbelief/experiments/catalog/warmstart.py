"""What a warm start is good for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import deviations, page, warmstart
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='The warm start',
  question=(
    'The paper trains with one replica for a while before it releases the others. Does '
    'that make asynchronous training stable? And does it matter whether Adagrad keeps '
    'what it has accumulated by then, which the paper does not say?'
  ),
  source_numbers=(
    'Section 4.1: with Adagrad, a warm start has "virtually eliminated" concerns about '
    'stability. Section 5: ten hours of simple SGD by one replica. No failures are '
    'counted.'
  ),
  caption=(
    'A rate *works* if the target is reached by the end: the median number of them over '
    'the seeds, and its interval. *points lost at the release*: accuracy at the end of '
    'the warm start less the least one after it, at the best rate. Minibatches count '
    'from the end of the warm start.'
  ),
  deviations=(
    deviations.SIMULATED,
    deviations.SYNTHETIC,
    deviations.SMALL,
    deviations.CHOSEN,
    deviations.MISSING,
    '8,000 minibatches, of which the warm start takes none, 2 % or 10 %: staleness over '
    'the number of updates is 2e-3, much harsher than in the paper.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  replicas: int = warmstart.REPLICAS,
  num_steps: int = warmstart.NUM_STEPS,
  num_rates: int = 4,
  target: float = warmstart.TARGET,
  stamp: str = '',
) -> Result:
  """Runs every rule and length of the warm start at all rates with all seeds."""
  sweep = warmstart.measure(workdir, replicas, seeds, num_steps, num_rates, target)
  return page.of_sweep(
    'warmstart',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      warmstart.table(sweep, seeds, target),
      warmstart.judge(sweep, seeds, target),
      _picture(sweep, seeds, stamp),
      {
        'rates_that_work': {
          name: warmstart.working(sweep, name, seeds, target) for name in sweep.methods
        }
      },
    ),
  )


def _picture(sweep: Sweep, seeds: Sequence[int], stamp: str) -> bytes:
  from distbelief.pictures import accuracy

  cold = warmstart.name_of('keep', 0.0)
  lines = {
    sweep.methods[name].label: accuracy.Line.of(sweep.of(name, seeds))
    for name in (
      *(warmstart.name_of(rule, warmstart.PARTS[-1]) for rule in ('keep', 'reset')),
      *(warmstart.name_of('fixed', part) for part in (warmstart.PARTS[-1], 0.0)),
      cold,
    )
  }
  title = 'each at its best rate; shaded: the longer warm start'
  return accuracy.picture(lines, None, title, stamp)


EXPERIMENT = Experiment(
  name='warmstart',
  question='Does a warm start make Downpour stable, and must Adagrad keep its sums?',
  claims='C7, with what was accumulated kept and emptied (experiments/claims.toml)',
  minutes=35,
  output='paper_results/warmstart/warmstart.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 600, 'num_rates': 1, 'stamp': 'quick: no result'},
)
