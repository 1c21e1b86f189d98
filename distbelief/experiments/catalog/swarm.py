"""Why asynchronous SGD works better than its synchronous counterpart, if it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from distbelief.experiments import end_points, page, rivals, swarm, swarm_verdicts
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.results import or_null
from distbelief.experiments.sweep import Point, Sweep

_PAGE = page.Page(
  title='Why asynchronous SGD works better, if it does',
  question=(
    'The thesis that this project began with: a gradient is the direction of a bee, and '
    'asynchronous replicas are a swarm of them, which fly apart, never far, and search a '
    'region together; therefore asynchronous SGD works better than synchronous SGD. Does '
    'it? And is it the region, or only that nobody waits, that steps are many and small, '
    'or momentum?'
  ),
  source_numbers=(
    'The thesis has no numbers, and the paper does not compare with synchronous SGD. '
    'Mitliagkas et al. (2016): M asynchronous replicas act as momentum 1 - 1/M, if their '
    'step times are exponential, with a rate of eta / M.'
  ),
  caption=(
    '*loss at the end*: on the hold-out set, at the rate that is best by it with seed 0. '
    '*synchronous, as long as asynchronous* ends when asynchronous training has seen all '
    'examples. *spread*: mean distance of a replica from the server, over how far the '
    'server has come from its start; synchronous replicas have none. *rise around the '
    "end*: mean rise of the hold-out loss a quarter of each unit's weights away, in ten "
    'random directions, both ways (normalised as by Li et al. 2018). Median over the '
    "seeds and interval. The picture's third panel has the rivals at the rate that the "
    "theory gives them: the asynchronous method's, and over M with momentum."
  ),
  deviations=(
    'Simulated time: steps take 0.1 s on average, transfers nothing; the gradients and '
    'the order of updates are computed. With constant step times asynchronous and '
    'synchronous training take the same time, so that equal examples are equal time.',
    'The networks begin untrained: synchronous SGD has no warm start here, and the '
    'thesis does not speak of one. The paper has one.',
    '440-128x4-48 with 112,176 parameters on synthetic speech of 48 classes, no frame of '
    'which is seen twice; 7,680 minibatches, with 16 replicas 480 synchronous updates. '
    'Staleness over the number of updates is 2e-3, much harsher than in the paper.',
    'A synchronous update takes the mean of 16 minibatches of 32, and no momentum; one '
    'replica alone takes minibatches of 32.',
    'Momentum is compared with a repetition of the same asynchronous run, with other '
    'exponential step times and the same data and initial weights: another seed would '
    'have other data. The theory speaks of the mean over runs on a quadratic.',
    'Fixed rates only: Adagrad adapts its own, and the theory does not cover it.',
  ),
)
_ENDS = ('waiting', 'exponential', 'constant', 'alone', 'momentum')
_PARTS = 60  # Parts of the time in which the spread is averaged.


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  replicas: int = swarm.REPLICAS,
  num_steps: int = swarm.NUM_STEPS,
  num_rates: int = 5,
  target: float = swarm.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes all methods with seed 0, and runs them and their rivals with all seeds."""
  sweep = swarm.measure(workdir, replicas, seeds, num_steps, num_rates)
  rises = end_points.rises(sweep, _ENDS, seeds)
  spreads = {
    name: swarm.spreads(sweep, name, seeds) for name in ('exponential', 'constant')
  }
  judged = swarm_verdicts.judge(sweep, seeds, target, rises)
  return page.of_sweep(
    'swarm',
    _PAGE,
    sweep,
    seeds,
    target,
    page.Found(
      swarm.table(sweep, seeds, rises, spreads),
      judged,
      _picture(sweep, seeds, replicas, stamp),
      {
        'rise_around_the_end': _known(rises),
        'spread': _known(spreads),
        **rivals.figures(sweep, seeds, replicas),
      },
      swarm_verdicts.words(judged),
    ),
  )


def _known(values: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
  """Returns numbers for a JSON file; what is infinite or NaN is null."""
  return {name: [or_null(x) for x in own] for name, own in values.items()}


def _picture(sweep: Sweep, seeds: Sequence[int], replicas: int, stamp: str) -> bytes:
  from distbelief.analysis import spread
  from distbelief.pictures import bands

  def losses(name: str, rate: float, against: str) -> bands.Line:
    curves = [sweep.curves[Point(name, rate, seed)] for seed in seeds]
    return bands.Line([getattr(c, against) for c in curves], [c.losses for c in curves])

  def own(names: Sequence[str], against: str) -> dict[str, bands.Line]:
    return {
      sweep.methods[name].label: losses(name, sweep.tuned[name].rate, against)
      for name in names
    }

  def distances(name: str) -> bands.Line:
    rate = sweep.tuned[name].rate
    runs = [sweep.run_of(Point(name, rate, seed)) for seed in seeds]
    return bands.Line(*zip(*(spread.over_time(run.samples, _PARTS) for run in runs)))

  rate = sweep.tuned['exponential'].rate
  at_its_rate = {'exponential': rate, 'alone': rate, 'momentum': rate / replicas}
  loss = 'hold-out loss'
  panels = [
    bands.Panel('minibatches', loss, own(_ENDS, 'steps'), True),
    bands.Panel(
      'simulated seconds', loss, own(('waiting', 'exponential', 'constant'), 'seconds')
    ),
    bands.Panel(
      f'minibatches, rates {rate:g} and {rate / replicas:g}',
      loss,
      {
        sweep.methods[name].label: losses(name, its, 'steps')
        for name, its in at_its_rate.items()
      },
      True,
    ),
    bands.Panel(
      'simulated seconds',
      'distance of a replica from the server',
      {
        sweep.methods[name].label: distances(name) for name in ('exponential', 'constant')
      },
    ),
  ]
  return bands.picture(panels, f'{replicas} replicas', stamp)


EXPERIMENT = Experiment(
  name='swarm',
  question='Why does asynchronous SGD work better than synchronous SGD, if it does?',
  claims='S1: equal examples, equal time, momentum, flatness (experiments/claims.toml)',
  minutes=35,
  output='paper_results/swarm/swarm.json',
  run=run,
  quick={
    'seeds': (0,),
    'num_steps': 640,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
)
