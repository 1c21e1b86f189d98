"""Checks measures of asynchrony against arithmetic: three padded replicas.

Steps take T = 100 ms on average. With M blocking replicas the staleness of a push is the
number of pushes by the M - 1 others meanwhile: M - 1, less with latency, more with
overlap or rarer fetches (algorithms/staleness.py). Lengths of spans are read from the
Chrome traces, the shares of time from the records.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from distbelief.analysis import trace
from distbelief.analysis.pushes import staleness
from distbelief.analysis.run import Run
from distbelief.experiments import runs
from distbelief.experiments.tolerances import Tolerance, within

CONFIG = 'configs/asynchrony.py'

T, L = 0.1, 0.05
_FAR = {'cluster.latency_seconds': L}
_SLOW = {'cluster.slowdown': (1, 1, 4), 'cluster.step_distribution': 'constant'}

# Changes to the config, by case.
CASES: dict[str, dict[str, Any]] = {
  'equal': {},
  'latency': _FAR,
  'overlapped': {'downpour.overlap': True},
  'n = 3': {'downpour.n_fetch': 3, 'downpour.n_push': 3},
  'one slow': {'cluster.slowdown': (1, 1, 4)},
  'synchronous, one slow': {'algorithm': 'synchronous', **_SLOW},
}


class Measured(NamedTuple):
  """One run's figures; times in seconds."""

  staleness: float  # Mean over all pushes and shards.
  of_replica: list[float]  # Mean of each replica's pushes.
  theory: float | None  # From summary.json.
  fractions: dict[str, list[float]]  # computing, fetching, ...: per replica.
  spans: dict[str, list[float | None]]  # compute, fetch, ...: median in the trace, each.
  updates: list[int]  # Recorded updates per shard.
  updates_per_second: float
  provenance: Mapping[str, Any]


Repetition: TypeAlias = Mapping[str, Measured]  # By case.


def measure(workdir: Path, summary: Mapping[str, Any]) -> Measured:
  """Returns the figures of a finished run."""
  run = Run(workdir)
  pushes = run.pushes
  replicas = range(run.num_replicas)
  return Measured(
    staleness=summary['staleness']['mean'],
    of_replica=[
      float(staleness(pushes[pushes['replica'] == r]).mean()) for r in replicas
    ],
    theory=summary['theoretical_staleness'],
    fractions={
      kind: [row[kind] for row in summary['replicas']]
      for kind in ('computing', 'fetching', 'pushing', 'waiting')
    },
    spans=_spans(run),
    updates=[row['updates'] for row in summary['shards']],
    updates_per_second=summary['updates_per_second'],
    provenance=summary['provenance'],
  )


def _spans(run: Run) -> dict[str, list[float | None]]:
  """Returns the median length of each kind of span of each replica, in the trace."""
  found: dict[str, list[list[float]]] = {}
  replicas = 'replicas'
  events = trace.make(run).events
  names = {e['pid']: e['args']['name'] for e in events if e['name'] == 'process_name'}
  for event in events:
    if event['ph'] == 'X' and names[event['pid']] == replicas:
      rows = found.setdefault(event['name'], [[] for _ in range(run.num_replicas)])
      rows[event['tid'] // trace.ROWS_OF_REPLICA].append(event['dur'] / 1e6)
  return {
    kind: [statistics.median(row) if row else None for row in rows]
    for kind, rows in found.items()
  }


def _mean(case: str, kind: str) -> Callable[[Repetition], float]:
  return lambda found: statistics.mean(found[case].fractions[kind])


def _staleness(case: str) -> Callable[[Repetition], float]:
  return lambda found: found[case].staleness


def _cycle(measured: Measured) -> float:
  """Returns the length of a blocking step, with the fetch and the push of the trace."""
  return T + sum(_mean_span(measured, kind) for kind in ('fetch', 'push'))


def _mean_span(measured: Measured, kind: str) -> float:
  """Returns the mean over the replicas, all of which have spans of this kind."""
  return float(np.mean(np.array(measured.spans[kind], np.float64)))


CLAIMS = (
  within('equal: mean staleness, M - 1', 2.0, 0.1, _staleness('equal')),
  within(
    'equal: updates/s of a shard / (M / (T + fetch + push))',
    *(1.0, 0.1),
    lambda found: found['equal'].updates_per_second * _cycle(found['equal']) / 3,
  ),
  within(
    'latency T/2: mean staleness, (M - 1)(T + L) / (T + 2L)',
    *(2 * (T + L) / (T + 2 * L), 0.1),
    _staleness('latency'),
  ),
  within(
    'latency T/2: part computing', T / (T + 2 * L), 0.1, _mean('latency', 'computing')
  ),
  within(
    'latency T/2: part fetching', L / (T + 2 * L), 0.1, _mean('latency', 'fetching')
  ),
  within('latency T/2: part pushing', L / (T + 2 * L), 0.1, _mean('latency', 'pushing')),
  Tolerance('latency T/2: part waiting', *(0.0, 0.0, 0.05), _mean('latency', 'waiting')),
  within(
    "latency T/2: a fetch's span in the trace / L",
    *(1.0, 0.15),
    lambda found: statistics.mean(found['latency'].spans['fetch']) / L,
  ),
  within('overlapped: mean staleness, about 2M - 1', 5.0, 0.15, _staleness('overlapped')),
  within(
    'n_fetch = n_push = 3: mean staleness, 4 (M - 1) / 3 + 1',
    *(2 * 4 / 3 + 1, 0.1),
    _staleness('n = 3'),
  ),
  within(
    'one of three 4x slower: mean staleness, M - 1', 2.0, 0.1, _staleness('one slow')
  ),
  within(
    'one of three 4x slower: staleness of the slow one, 4 (M - 1)',
    *(8.0, 0.1),
    lambda found: found['one slow'].of_replica[-1],
  ),
  within(
    'one of three 4x slower: staleness of a fast one, 1 + 1/4',
    *(1.25, 0.1),
    lambda found: statistics.mean(found['one slow'].of_replica[:-1]),
  ),
  within(
    "one of three 4x slower: the slow one's computing in the trace / a fast one's",
    *(4.0, 0.1),
    lambda found: (
      found['one slow'].spans['compute'][-1] / found['one slow'].spans['compute'][0]
    ),
  ),
  Tolerance(
    'one of three 4x slower: waiting of a fast Downpour replica',
    *(0.0, 0.0, 0.05),
    lambda found: max(found['one slow'].fractions['waiting'][:-1]),
  ),
  Tolerance(
    'synchronous, one 4x slower: waiting of a fast replica',
    *(0.75, 0.7, 0.8),
    lambda found: statistics.mean(
      found['synchronous, one slow'].fractions['waiting'][:-1]
    ),
  ),
  within(
    "synchronous, one 4x slower: a fast one's wait in the trace / 3T",
    *(1.0, 0.05),
    lambda found: (
      statistics.mean(found['synchronous, one slow'].spans['wait'][:-1]) / (3 * T)
    ),
  ),
  Tolerance(
    'synchronous: staleness',
    *(0.0, 0.0, 0.0),
    _staleness('synchronous, one slow'),
  ),
)


def repeat(
  workdir: Path,
  repetitions: int,
  *,
  say: Callable[[str], None] = print,
  num_steps: int | None = None,
) -> list[dict[str, Measured]]:
  """Runs all cases one after the other, and again (runs.repeat)."""
  return runs.repeat(
    CONFIG, CASES, measure, workdir, repetitions, say=say, num_steps=num_steps
  )


def as_json(repetition: Repetition) -> dict[str, Any]:
  """Returns a repetition without the provenance of its runs."""
  shown = {case: measured._asdict() for case, measured in repetition.items()}
  for fields in shown.values():
    fields.pop('provenance')
  return shown
