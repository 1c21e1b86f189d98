"""The cost of waiting: Downpour and synchronous SGD on equal, slow and distant machines.

Replicas whose steps are padded to a time T, for equal numbers of minibatches. With one
machine of M that is s times slower, M - 1 + 1/s replicas' worth of work is done in
Downpour where the synchronous run does M/s: 3.25 times as fast for M = s = 4, and the
slow replica does 1 step in 13. With latency L on each fetch, push and all-reduce a step
takes T + 2L (blocking), max(T, L) (overlapped), T + L (synchronous).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from distbelief.algorithms import catalog
from distbelief.experiments import runs
from distbelief.experiments.tolerances import Tolerance
from distbelief.telemetry import records

CONFIG = 'configs/side_by_side.py'

_SLOW = {'cluster.slowdown': (1, 1, 1, 4)}
_FAR = {'cluster.latency_seconds': 0.05}
_FEW = {'cluster.num_replicas': 1, 'num_steps': 20}

# Changes to the config, by case.
CASES: dict[str, dict[str, Any]] = {
  'downpour, equal': {},
  'synchronous, equal': {'algorithm': 'synchronous'},
  'downpour, one slow': _SLOW,
  'synchronous, one slow': {'algorithm': 'synchronous', **_SLOW},
  'downpour, latency': _FAR,
  'downpour overlapped, latency': {'downpour.overlap': True, **_FAR},
  'synchronous, latency': {'algorithm': 'synchronous', **_FAR},
  'downpour, 20 steps': _FEW,
  'sgd, 20 steps': {'algorithm': 'sgd', **_FEW},
}


class Measured(NamedTuple):
  """One run's figures; times in seconds."""

  seconds: float  # From the first step's start to the last update.
  steps: list[int]  # Per replica.
  waiting: list[float]  # Per replica, fraction of its time.
  step: list[float]  # Shortest, median and longest padded step.
  period: float  # Median time from one step's start to the next.
  exchange: float  # Median time of an all-reduce, or of fetch and push, and the update.
  provenance: Mapping[str, Any]


Repetition: TypeAlias = Mapping[str, Measured]  # By case.


def _seconds(case: str, other: str) -> Callable[[Repetition], float]:
  return lambda found: found[case].seconds / found[other].seconds


def _padded(case: str, index: int) -> Callable[[Repetition], float]:
  """Returns a function that computes the shortest (0) or longest (2) step over T."""
  return lambda found: found[case].step[index] / 0.1


CLAIMS = (
  Tolerance(
    'one slow: time of synchronous / Downpour',
    *(3.25, 2.8, np.inf),
    _seconds('synchronous, one slow', 'downpour, one slow'),
  ),
  Tolerance(
    "one slow: Downpour's slow replica's share of the steps",
    *(1 / 13, 0.8 / 13, 1.2 / 13),
    lambda found: (
      found['downpour, one slow'].steps[-1] / sum(found['downpour, one slow'].steps)
    ),
  ),
  Tolerance(
    'one slow: waiting of a fast synchronous replica',
    *(0.75, 0.72, 0.78),
    lambda found: statistics.mean(found['synchronous, one slow'].waiting[:-1]),
  ),
  Tolerance(
    'one slow: waiting of a fast Downpour replica',
    *(0.0, 0.0, 0.05),
    lambda found: max(found['downpour, one slow'].waiting[:-1]),
  ),
  Tolerance(
    'one slow: a synchronous step / (slowest + all-reduce)',
    *(1.0, 0.95, 1.05),
    lambda found: (
      found['synchronous, one slow'].period
      / (4 * 0.1 + found['synchronous, one slow'].exchange)
    ),
  ),
  Tolerance(
    'equal: time of Downpour / synchronous',
    *(1.0, 0.85, 1.15),
    _seconds('downpour, equal', 'synchronous, equal'),
  ),
  Tolerance(
    'latency T/2: time of Downpour / synchronous',
    *(2 / 1.5, 0.9 * 2 / 1.5, 1.1 * 2 / 1.5),
    _seconds('downpour, latency', 'synchronous, latency'),
  ),
  Tolerance(
    'latency T/2: time of Downpour overlapped / synchronous',
    *(1 / 1.5, 0.9 / 1.5, 1.1 / 1.5),
    _seconds('downpour overlapped, latency', 'synchronous, latency'),
  ),
  *(
    Tolerance(
      f'{algorithm}: {which} of 20 padded steps / T',
      *(1.0, 1.0, 1.08),
      _padded(f'{algorithm}, 20 steps', index),
    )
    for algorithm in ('downpour', 'sgd')
    for which, index in (('shortest', 0), ('longest', 2))
  ),
)


def measure(workdir: Path, summary: Mapping[str, Any]) -> Measured:
  """Returns the figures of a finished run."""
  found = records.read(workdir)
  own = found[found['replica'] == 0]
  own = own[np.argsort(own['step'])]
  step = own['compute_end'] - own['compute_start']
  exchange = own['push_end'] - own['push_start']
  if catalog.get(summary['algorithm']).has_server:
    exchange = exchange + own['fetch_end'] - own['fetch_start']
  return Measured(
    seconds=summary['seconds'],
    steps=[row['steps'] for row in summary['replicas']],
    waiting=[row['waiting'] for row in summary['replicas']],
    step=[float(f(step)) for f in (np.min, np.median, np.max)],
    period=float(np.median(np.diff(own['compute_start']))),
    exchange=float(np.nanmedian(exchange)),
    provenance=summary['provenance'],
  )


def repeat(
  workdir: Path,
  repetitions: int,
  *,
  say: Callable[[str], None] = print,
  num_steps: int | None = None,
) -> list[dict[str, Measured]]:
  """Runs all cases one after the other, and again; finished ones are not repeated.

  Args:
    workdir: Directory of the runs.
    repetitions: Number of repetitions.
    say: Function that shows a line.
    num_steps: Number of steps, if not the config's, for cases without one of their own.
  """
  return runs.repeat(
    CONFIG, CASES, measure, workdir, repetitions, say=say, num_steps=num_steps
  )
