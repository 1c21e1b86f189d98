"""Synchronous against asynchronous SGD, on machines and networks of several kinds.

The runs: each kind of training on each kind of machine with each latency. A method is
tuned where what it computes is another; where only the times are, it takes the rate of
the method that goes the same way:

- a synchronous update has the same gradients whatever the machines and the network; with
  backup workers others are discarded, but as many;
- asynchronous gradients are the staler the shorter the latency, so rates are those of no
  latency (0, 0.1) or of one step (1, 3): within each pair staleness differs by less than
  a fifth. Equal machines fall into phase with any latency, and all fetch the same
  parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distbelief.experiments import figure4
from distbelief.experiments.sweep import Method, Point, Sweep

CONFIG = 'configs/sync_vs_async.py'
NUM_STEPS = 1800
TARGET = 0.22  # Accuracy.
REPLICAS, BACKUPS = 10, 1
STEP = 0.1  # Seconds of a step in the config.
LATENCIES = (0.0, 0.1, 1.0, 3.0)  # In steps.
EVAL_STEPS = REPLICAS * (REPLICAS - BACKUPS)  # Whole updates of every method.
# Of a minibatch's mean gradient; one that is the mean of n minibatches has n times these.
_RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)

MACHINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
  'equal': ('equal', {'cluster.step_distribution': 'constant'}),
  'light': ('light-tailed', {'cluster.step_distribution': 'gamma'}),
  'heavy': (
    'heavy-tailed',
    {'cluster.step_distribution': 'pareto', 'cluster.step_deviation': 1.0},
  ),
}
_SYNCHRONOUS = {'algorithm': 'synchronous'}
# Label, gradients in an update, and fields of each kind of training.
TRAINING: Mapping[str, tuple[str, int, Mapping[str, Any]]] = {
  'sync': ('synchronous', REPLICAS, _SYNCHRONOUS),
  'backup': (
    f'synchronous, {BACKUPS} backup worker',
    REPLICAS - BACKUPS,
    {**_SYNCHRONOUS, 'synchronous.backup_workers': BACKUPS},
  ),
  'async': ('asynchronous', 1, {}),
  'overlap': ('asynchronous, overlapped', 1, {'downpour.overlap': True}),
}
EVERYWHERE = ('sync', 'backup', 'async')  # What is run on all machines.


def name_of(training: str, machines: str, latency: float) -> str:
  """Returns the name of a method."""
  return f'{training}_{machines}_{latency:g}'


def conditions(latencies: Sequence[float]) -> Iterator[tuple[str, str, float]]:
  """Yields each method as (training, machines, latency in steps)."""
  for machines in MACHINES:
    for latency in latencies:
      for training in EVERYWHERE:
        yield training, machines, latency
  yield 'overlap', 'light', latencies[-1]  # Where it should pay most.


def methods(latencies: Sequence[float]) -> dict[str, Method]:
  """Returns all methods, with each of these latencies, ascending and 0 first."""
  return {
    name_of(*condition): _method(*condition, latencies)
    for condition in conditions(latencies)
  }


def _method(
  training: str, machines: str, latency: float, latencies: Sequence[float]
) -> Method:
  label, gradients, fields = TRAINING[training]
  of_machines, more = MACHINES[machines]
  name = name_of(training, machines, latency)
  tuned_as = name
  if training in ('sync', 'backup'):
    tuned_as = name_of(training, 'light', latencies[0])
  elif training == 'async':
    alike = [other for other in latencies if _regime(machines, other, latency)]
    tuned_as = name_of(training, machines, alike[0])
  return Method(
    f'{label}; {of_machines} machines, latency of {latency:g} steps',
    REPLICAS,
    {**fields, **more, 'cluster.latency_seconds': latency * STEP},
    tuple(gradients * rate for rate in _RATES),
    tuned_as='' if tuned_as == name else tuned_as,
  )


def _regime(machines: str, latency: float, other: float) -> bool:
  """Returns whether asynchronous gradients are about as stale with either latency."""
  longest = 0.0 if machines == 'equal' else 0.5
  return (latency > longest) == (other > longest)


def staleness_left(latency: float) -> float:
  """Returns the part of M - 1 that is the mean staleness with a latency, in steps.

  Parameters are read when a fetch has waited, so its wait does not make them older
  (algorithms/staleness.py).
  """
  return (1 + latency) / (1 + 2 * latency)


def fields(num_steps: int) -> dict[str, Any]:
  """Returns the fields of config that all runs have.

  Args:
    num_steps: Number of minibatches, a multiple of EVAL_STEPS.
  """
  # No frame is seen twice, but by a replica that does more than its part.
  frames = num_steps * 32 * REPLICAS // (REPLICAS - BACKUPS)
  return {
    'num_steps': num_steps,
    'eval_steps': EVAL_STEPS,
    'data.num_utterances': max(-(-frames // figure4.FRAMES), REPLICAS),
  }


def measure(
  workdir: Path,
  latencies: Sequence[float],
  seeds: Sequence[int],
  num_steps: int,
  num_rates: int,
  target: float,
) -> Sweep:
  """Tunes with seed 0, runs all with all seeds, and two of them at every rate.

  Args:
    workdir: Directory of the runs; finished ones are not repeated.
    latencies: Latencies in steps, ascending, 0 first.
    seeds: Seeds.
    num_steps: Number of minibatches of every run.
    num_rates: Number of rates to try for each method, the middle ones of its grid.
    target: Hold-out accuracy to which times are compared.
  """
  found = methods(latencies)
  sweep = Sweep('sync against async', workdir, found, CONFIG, fields(num_steps))
  sweep.tune(num_rates, target, moves=False)  # All have the same rates.
  sweep.repeat(seeds)
  points = [
    Point(name, rate, seed)
    for name in ranges_of(latencies)
    for rate in sweep.tuned[name].scores
    for seed in seeds
  ]
  sweep.run(points, 'every rate')
  return sweep


def ranges_of(latencies: Sequence[float]) -> tuple[str, str]:
  """Returns the two methods whose working ranges are compared: (sync, async)."""
  return name_of('sync', 'light', latencies[0]), name_of('async', 'light', latencies[0])
