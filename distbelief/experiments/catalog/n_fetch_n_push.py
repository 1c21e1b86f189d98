"""Fewer fetches and pushes: the traffic that they save, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import deviations, n_fetch_n_push, page
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='n_fetch and n_push',
  question=(
    'A replica may fetch and push every few minibatches only. The traffic falls; how '
    'much more must be computed?'
  ),
  source_numbers=(
    'Section 4.1 introduces n_fetch and n_push to limit the communication, and uses 1 '
    'for both throughout. Zhang et al. (2016) found that accruing gradients at the '
    'replica generally worsens the model.'
  ),
  caption=(
    'Minibatches and simulated seconds from the end of the warm start to the target on '
    'the hold-out set: medians over the seeds, and their intervals. *models moved a '
    'minibatch*: how often all parameters travel, in either direction, after the warm '
    'start; fetches and pushes are counted. A push carries the sum of the gradients.'
  ),
  deviations=(
    deviations.SIMULATED,
    deviations.SYNTHETIC,
    deviations.SMALL,
    deviations.CHOSEN,
    deviations.INHERITED,
    deviations.MISSING,
    '6,000 minibatches, 2,000 of them the warm start: staleness in minibatches over '
    'their number is 3e-3 for n = 1, and n times that for longer intervals.',
    "A replica's local step has the rate 0.1.",
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  equal: tuple[int, ...] = n_fetch_n_push.EQUAL,
  num_steps: int = n_fetch_n_push.NUM_STEPS,
  num_rates: int = 5,
  target: float = n_fetch_n_push.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes every pair of intervals with seed 0, and runs it with all."""
  pairs = n_fetch_n_push.pairs(equal)
  sweep = n_fetch_n_push.measure(workdir, pairs, seeds, num_steps, num_rates, target)
  return page.of_sweep(
    'n_fetch_n_push',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      n_fetch_n_push.table(sweep, seeds, target),
      n_fetch_n_push.judge(sweep, pairs, seeds, target),
      _picture(sweep, equal, seeds, target, stamp),
    ),
  )


def _picture(
  sweep: Sweep, equal: Sequence[int], seeds: Sequence[int], target: float, stamp: str
) -> bytes:
  from distbelief.pictures import against

  def line(rule: str, what: str) -> against.Line:
    names = [n_fetch_n_push.name_of(rule, n, n) for n in equal]
    return against.Line(
      equal,
      [[getattr(c, what)(target) for c in sweep.of(name, seeds)] for name in names],
    )

  panels = [
    against.Panel(
      'n_fetch = n_push',
      label,
      {'fixed rate': line('fixed', what), 'Adagrad': line('adagrad', what)},
    )
    for label, what in (
      (f'minibatches to {target:.0%}', 'steps_to'),
      (f'simulated seconds to {target:.0%}', 'seconds_to'),
    )
  ]
  return against.picture(panels, '20 replicas, each at its best rate', stamp)


EXPERIMENT = Experiment(
  name='n_fetch_n_push',
  question='What do fewer fetches and pushes save, and what do they cost?',
  claims='C14, and what accrued gradients cost (experiments/claims.toml)',
  minutes=35,
  output='paper_results/n_fetch_n_push/n_fetch_n_push.json',
  run=run,
  quick={
    'seeds': (0,),
    'equal': (1, 5),
    'num_steps': 600,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
)
