"""Synchronous against asynchronous training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distbelief.experiments import (
  page,
  sync_vs_async,
  sync_vs_async_results,
  warmstart,
)
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.sweep import Sweep

_PAGE = page.Page(
  title='Synchronous against asynchronous training',
  question=(
    'When is it worth while not to wait? A course text compares synchronous and '
    'asynchronous SGD in six words each (who waits, how consistent gradients are, '
    'throughput, convergence, time, tuning); here is its table with numbers, on equal, '
    'light-tailed and heavy-tailed machines, with networks from fast to slow. '
    '[Chen et al. (2016)](https://arxiv.org/abs/1604.00981) answer stragglers with '
    'backup workers.'
  ),
  source_numbers=(
    'The course text has no numbers. The paper has no synchronous baseline. Chen et al. '
    'call 4 backups among 100 workers a good setting.'
  ),
  caption=(
    'Named as in the course text. *latency*: in steps, waited for before each fetch, '
    'each push and each all-reduce. *Worker Wait*: part of their time that replicas wait '
    'for one another; fetching, pushing and the all-reduce are not in it. *staleness*: '
    'mean number of updates between a fetch and the push that came of it. *Throughput*: '
    'minibatches that are in an update, per simulated second; a discarded one is not. '
    '*at the end*: of equally many minibatches for all. *rates that work*: of those '
    'tried with seed 0, which reach the target; the verdict on tuning counts them for '
    'every seed. A synchronous rate is one of a mean of several minibatches, and the '
    'grids are the same for a minibatch. Other numbers are medians over the seeds, and '
    'their intervals; times in simulated seconds, of which a step takes 0.1. In the '
    'picture the median and the range of the seeds.'
  ),
  deviations=(
    'Simulated time: the times of machines and network are assumed '
    '([`configs/sync_vs_async.py`](../../configs/sync_vs_async.py)), the gradients and '
    'the order of updates are computed.',
    'A network has a latency and unlimited bandwidth. An asynchronous step waits for it '
    'twice (fetch, push), a synchronous one once, however many replicas its all-reduce '
    'has; a ring would wait more often. That favours synchronous training.',
    '*Equal* machines take the same time to the last digit. With latency they fall into '
    'phase and stay there, so that all fetch the same parameters and the mean staleness '
    'is half of M - 1. *Light-tailed*: gamma, standard deviation 15 %; they begin in '
    'phase too, and with much latency leave it slowly. *Heavy-tailed*: Pareto, standard '
    'deviation 100 % (power 2.4).',
    '10 replicas and one backup among them, 10 %; Chen et al. have 4 %. All kinds of '
    'training have the same machines.',
    'A fixed rate and no warm start, which synchronous training has not; so two hidden '
    'layers instead of four. The paper has both, for asynchronous training.',
    'Synthetic speech of 48 classes; 440-128x2-48 with minibatches of 32, of which a '
    'synchronous update takes 10, with a backup 9.',
    '1,800 minibatches, 180 synchronous updates: staleness over the number of updates is '
    '5e-3, and only the beginning of training is seen.',
    'Each method has seven rates, tried with seed 0, where what it computes is another; '
    'where only times are, it takes the rate found there: a synchronous update has the '
    'same gradients on all machines and networks, asynchronous ones with latencies 0 and '
    '0.1, and 1 and 3, differ by less than a fifth in staleness.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  latencies: tuple[float, ...] = sync_vs_async.LATENCIES,
  num_steps: int = sync_vs_async.NUM_STEPS,
  num_rates: int = 7,
  target: float = sync_vs_async.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes with seed 0, then runs all machines and latencies with all seeds."""
  sweep = sync_vs_async.measure(workdir, latencies, seeds, num_steps, num_rates, target)
  return page.of_sweep(
    'sync_vs_async',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      sync_vs_async_results.table(sweep, latencies, seeds, target),
      sync_vs_async_results.judge(sweep, latencies, seeds, target),
      _picture(sweep, latencies, seeds, target, stamp),
      {
        'waiting': {
          name: sync_vs_async_results.waiting(sweep, name, seeds)
          for name in sweep.methods
        },
        'minibatches_per_second': {
          name: sync_vs_async_results.throughput(sweep, name, seeds)
          for name in sweep.methods
        },
        'rates_that_work': {
          name: warmstart.working(sweep, name, seeds, target)
          for name in sync_vs_async.ranges_of(latencies)
        },
      },
    ),
  )


def _picture(
  sweep: Sweep,
  latencies: Sequence[float],
  seeds: Sequence[int],
  target: float,
  stamp: str,
) -> bytes:
  from distbelief.pictures import against

  found = list(sync_vs_async.conditions(latencies))

  def line(training: str, machines: str) -> against.Line:
    places = [place for kind, on, place in found if (kind, on) == (training, machines)]
    names = [sync_vs_async.name_of(training, machines, place) for place in places]
    times = [[c.seconds_to(target) for c in sweep.of(name, seeds)] for name in names]
    return against.Line(places, times)

  panels = [
    against.Panel(
      f'latency in steps, {machines[0]} machines',
      f'simulated seconds to {target:.0%}',
      {
        training[0]: line(kind, on)
        for kind, training in sync_vs_async.TRAINING.items()
        if any(kind == own and on == there for own, there, _ in found)
      },
    )
    for on, machines in sync_vs_async.MACHINES.items()
  ]
  return against.picture(panels, 'each at its best rate', stamp)


EXPERIMENT = Experiment(
  name='sync_vs_async',
  question='When is it worth while not to wait, and when is waiting better?',
  claims='S2, of a course text; R1 and R2, of Chen et al. 2016 (experiments/claims.toml)',
  minutes=30,
  output='paper_results/sync_vs_async/sync_vs_async.json',
  run=run,
  quick={
    'seeds': (0,),
    'latencies': (0.0, 3.0),
    'num_steps': 270,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
)
