"""What a fixed staleness costs: examples, gradients and loss, by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distbelief.experiments import (
  curves,
  figure4,
  page,
  staleness_along,
  staleness_verdicts,
)
from distbelief.experiments import staleness_effects as effects
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.staleness_along import Cell
from distbelief.experiments.staleness_effects import Effects
from distbelief.experiments.sweep import Point

if TYPE_CHECKING:  # It imports TensorFlow.
  from distbelief.replay.stale_gradients import Comparison

_PAGE = page.Page(
  title='What a fixed staleness costs',
  question=(
    'How many more examples does training need if every gradient is stale by the same '
    'number of updates, and do deep networks suffer more? Here nothing else varies: not '
    'the machines, not the order of pushes.'
  ),
  source_numbers=(
    'Dai et al. (2019): the staler the updates, the more minibatches to a target, and '
    'the deeper the network, the more so. Zhang et al. (2016): at the rate of serial '
    'training, networks fail at a mean staleness of about 15 and 30. The paper measures '
    'no staleness.'
  ),
  caption=(
    '*depth*: hidden layers of 128. *staleness*: updates between a fetch and the push '
    'that came of it, the same for every push but the very first. *examples to the '
    'target* at the best rate, *times as many* as with staleness 0, and the same *at one '
    'rate*, the best of staleness 0 at that depth: medians over the seeds, and their '
    'intervals; more than 8 times as many are written as not reached. *loss at the end*: '
    'median and quartiles of the loss of single updates, over the last twentieth of them '
    'and all seeds. *cosine* of the stale and the fresh gradient of one minibatch, and '
    '*variance* over minibatches, stale over fresh, both at the parameters to which a '
    'push is applied: median and range over five updates of one run, 16 minibatches '
    'each. In the picture the range of the seeds, or of the updates.'
  ),
  deviations=(
    'Every push has the same staleness; Dai et al. draw each delay at random, up to a '
    'bound.',
    'Synthetic speech of 48 classes; 440-128xD-48 with sigmoid layers, as in the paper, '
    'and SGD with a fixed rate. They trained other networks on other data, by several '
    'rules.',
    'A target of its own for every depth: 0.9 times the hold-out accuracy that '
    'staleness 0 has after a tenth of the minibatches, with the seed that tunes, which '
    'does not count.',
    'No warm start: staleness is there from the first updates on.',
    '3,600 minibatches: staleness over their number is 1e-3 to 7e-2, much harsher than '
    'in the paper.',
    'Gradients are compared at the best rates, with one seed.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  depths: tuple[int, ...] = effects.DEPTHS,
  staleness: tuple[int, ...] = effects.STALENESS,
  num_steps: int = effects.NUM_STEPS,
  num_rates: int = 5,
  stamp: str = '',
) -> Result:
  """Tunes every depth and staleness with seed 0; then all seeds, and gradients."""
  found = effects.measure(workdir, depths, staleness, seeds, num_steps, num_rates)
  compared = staleness_along.gradients(found, seeds[0])
  loss = {arm: staleness_along.losses_of(found, arm, seeds) for arm in effects.ARMS}
  return page.of_runs(
    'staleness_effects',
    _PAGE,
    [trained for one in found for trained in one.sweep.provenance],
    len(seeds),
    page.Found(
      staleness_along.table(found, seeds, loss['best'], compared),
      staleness_verdicts.judge(found, seeds),
      _picture(found, seeds, compared, stamp),
      {
        'config': figure4.CONFIG,
        'seeds': seeds,
        'depths': staleness_along.as_json(found, seeds, loss, compared),
      },
    ),
    curves.as_csv(
      Point._fields,
      ((tuple(p), c) for one in found for p, c in one.sweep.curves.items()),
    ),
  )


def _picture(
  found: Sequence[Effects],
  seeds: Sequence[int],
  compared: Mapping[Cell, Sequence[Comparison]],
  stamp: str,
) -> bytes:
  from distbelief.pictures import against

  replicas = 'staleness + 1, the number of replicas'  # A logarithm of 0 there is none.
  panels = [
    against.Panel(
      replicas,
      f'examples to the target, over those of staleness 0\n({label})',
      {
        f'depth {one.depth}': against.Line(
          [s + 1 for s in one.staleness], one.slowdowns(arm, seeds).tolist()
        )
        for one in found
      },
    )
    for arm, label in effects.ARMS.items()
  ]
  cosines = {
    f'depth {one.depth}': against.Line(
      [s + 1 for s in one.staleness[1:]],
      [[c.cosine for c in compared[one.depth, s]] for s in one.staleness[1:]],
    )
    for one in found
  }
  panels.append(
    against.Panel(
      replicas, 'cosine of stale and fresh gradient', cosines, logarithmic=False
    )
  )
  return against.picture(
    panels, 'a fixed staleness, by networks of several depths', stamp
  )


EXPERIMENT = Experiment(
  name='staleness_effects',
  question='What does a fixed staleness cost, and do deep networks suffer more?',
  claims='D1 and D2, of Dai et al. 2019, at one rate and at the best of each '
  '(experiments/claims.toml)',
  minutes=40,
  output='paper_results/staleness_effects/staleness_effects.json',
  run=run,
  quick={
    'seeds': (0,),
    'depths': (1, 2),
    'staleness': (0, 4),
    'num_steps': 600,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
)
