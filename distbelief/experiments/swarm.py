"""Why asynchronous SGD works better than synchronous SGD, if it does.

The first thesis of this project: replicas that fly apart cover a region, as a swarm of
bees does. The rivals: nobody waits; updates are smaller and more; and momentum, since
asynchrony acts as one of mu = 1 - 1/M with the rate eta / M (Mitliagkas et al. 2016,
experiments/implicit_momentum.py) if step times are exponential. Constant ones make every
gradient M - 1 updates stale, and the theory does not cover them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from distbelief.analysis import spread
from distbelief.experiments import figure4, intervals, rivals, tables
from distbelief.experiments.figure4 import FIXED
from distbelief.experiments.sweep import Method, Point, Sweep

REPLICAS = 16
NUM_STEPS = 7680
STEP = 0.1  # Mean seconds of a step, simulated.
TARGET = 0.2  # Ten times chance: whoever has it has left the first plateau.
_SAMPLES = 100  # Of each replica's position.

_EXPONENTIAL = {'cluster.step_distribution': 'exponential'}
# Nobody pays for transfers, so that M replicas are M - 1 updates stale; and none makes a
# step of its own, which with n_fetch = 1 the next fetch would overwrite.
_FREE = {
  'simulation.compute_seconds': STEP,
  'simulation.replica_bandwidth': 1e15,
  'downpour.learning_rate': 0.0,
}
_ALONE = {'algorithm': 'sgd'}
# Grids around what short trials with seed 0 found.
_ASYNCHRONOUS_RATES = (0.0625, 0.125, 0.25, 0.5, 1.0)
_SYNCHRONOUS_RATES = (1.0, 2.0, 4.0, 8.0, 16.0)


def methods(num_steps: int, replicas: int) -> dict[str, Method]:
  """Returns the methods by name; all but `hurried` train on as many examples."""
  waiting = {**FIXED, **_EXPONENTIAL, 'algorithm': 'synchronous'}
  seconds = num_steps / replicas * STEP  # What asynchronous training takes, on average.
  sampled = {**FIXED, 'telemetry.swarm_seconds': seconds / _SAMPLES}
  return {
    'waiting': Method('synchronous', replicas, waiting, _SYNCHRONOUS_RATES),
    'hurried': Method(
      'synchronous, as long as asynchronous',
      replicas,
      {**waiting, 'num_steps': steps_in_the_time(num_steps, replicas)},
      _SYNCHRONOUS_RATES,
    ),
    'exponential': Method(
      'asynchronous', replicas, {**sampled, **_EXPONENTIAL}, _ASYNCHRONOUS_RATES
    ),
    # The same distribution by another name: the same run with other step times.
    'again': Method(
      'asynchronous, other step times',
      replicas,
      {**FIXED, 'cluster.step_distribution': 'gamma', 'cluster.step_deviation': 1.0},
      _ASYNCHRONOUS_RATES,
    ),
    'constant': Method(
      'asynchronous, constant step times',
      replicas,
      {**sampled, 'cluster.step_distribution': 'constant'},
      (0.03125, 0.0625, 0.125, 0.25, 0.5),
    ),
    'alone': Method('1 replica', 1, {**FIXED, **_ALONE}, (0.25, 0.5, 1.0, 2.0, 4.0)),
    'momentum': Method(
      f'1 replica, momentum {momentum(replicas):g}',
      1,
      {
        **_ALONE,
        'server.optimizer': 'momentum',
        'server.momentum': momentum(replicas),
      },
      tuple(rate / replicas for rate in (0.25, 0.5, 1.0, 2.0, 4.0)),
    ),
  }


def momentum(replicas: int) -> float:
  """Returns the momentum that so many replicas act as, 1 - 1/M."""
  return 1 - 1 / replicas


def steps_in_the_time(num_steps: int, replicas: int) -> int:
  """Returns how many minibatches synchronous training has time for, on average.

  The largest of M exponential times takes 1 + 1/2 + ... + 1/M of their mean, and
  asynchronous replicas take none but the mean.
  """
  longer = sum(1 / number for number in range(1, replicas + 1))
  return max(round(num_steps / replicas / longer), 1) * replicas


def measure(
  workdir: Path, replicas: int, seeds: Sequence[int], num_steps: int, num_rates: int
) -> Sweep:
  """Tunes all methods with seed 0, and runs them with all seeds.

  Rivals also run at the rates that the theory gives them: those of the asynchronous
  methods, and over M with momentum.

  Args:
    workdir: Directory of the runs; finished ones are not repeated.
    replicas: Number of replicas, M; num_steps is a multiple of it.
    seeds: Seeds.
    num_steps: Number of minibatches.
    num_rates: Number of rates to try for each method, the middle ones of its grid.
  """
  # Twice the frames, since some replicas do more steps than others.
  fields = {**figure4.fields(num_steps, [0], longest=2), **_FREE}
  found = methods(num_steps, replicas)
  sweep = Sweep('swarm', workdir, found, figure4.CONFIG, fields)
  sweep.tune_loss(num_rates)
  sweep.repeat(seeds)
  rates = {sweep.tuned[name].rate for name in ('exponential', 'constant')}
  points = [
    point
    for rate in sorted(rates)
    for seed in seeds
    for point in (
      *(Point(name, rate, seed) for name in ('exponential', 'again', 'alone')),
      Point('momentum', rate / replicas, seed),
    )
  ]
  sweep.run(points, 'rivals')
  return sweep


def ends(sweep: Sweep, name: str, seeds: Sequence[int]) -> np.ndarray:
  """Returns the hold-out losses at the end of a method at its best rate, [seeds]."""
  return np.array([rivals.losses(curve)[-1] for curve in sweep.of(name, seeds)])


def spreads(sweep: Sweep, name: str, seeds: Sequence[int]) -> list[float]:
  """Returns how far replicas were from the server on average, over its way, per seed."""
  rate = sweep.tuned[name].rate
  samples = (sweep.run_of(Point(name, rate, seed)).samples for seed in seeds)
  return [spread.relative(own) for own in samples]


def table(
  sweep: Sweep,
  seeds: Sequence[int],
  rises: Mapping[str, Sequence[float]],
  spread_of: Mapping[str, Sequence[float]],
) -> str:
  """Returns a table of all methods, in Markdown.

  Args:
    sweep: Runs.
    seeds: Seeds.
    rises: Rise of the loss around the end, per seed, by method.
    spread_of: Result of `spreads`, by method.
  """
  rows = []
  for name, method in sweep.methods.items():
    found = sweep.of(name, seeds)
    rows.append(
      (
        method.label,
        str(sweep.tuned[name]),
        f'{found[0].steps[-1]:,}',
        str(intervals.median([curve.seconds[-1] for curve in found])),
        str(intervals.median(ends(sweep, name, seeds).tolist())),
        intervals.of_percent([curve.end for curve in found]),
        intervals.of_percent(spread_of[name]) if name in spread_of else '',
        str(intervals.median(rises[name])) if name in rises else '',
      )
    )
  head = (
    *('method', 'rate', 'minibatches', 'simulated s', 'loss at the end'),
    *('% correct at the end', 'spread, %', 'rise around the end'),
  )
  return tables.markdown(head, rows)
