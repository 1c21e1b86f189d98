"""What makes gradients stale: the number of replicas, computing time, and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief.analysis import pushes
from distbelief.analysis.run import Run
from distbelief.experiments import batch, intervals, runs, tables, verdicts
from distbelief.experiments.batch import Case
from distbelief.experiments.verdicts import Judgement

CONFIG = 'configs/asynchrony.py'
STEP = 0.1  # Seconds that a step takes in the config.
VIRTUAL_REPLICAS = (2, 5, 10, 20, 30, 50, 100, 200)
CLUSTER_REPLICAS = (2, 4, 8, 16)
LATENCIES = (0.0, 0.1, 1.0, 3.0)  # In steps.
DURATIONS = (0.03, 0.1, 0.3, 1.0)  # Seconds of a step.
REPLICAS = 10  # Where it is not their number that varies.
TAIL_REPLICAS = 30  # As in Zhang et al. (2016).
_TAIL = 7  # Times as long, since rare events are counted.
_LATENCY = 0.1  # Seconds, where computing time varies.
_COMMON = {'telemetry.swarm_seconds': 0.0, 'telemetry.pictures': False}


class Measured(NamedTuple):
  """Staleness of one run, without the warm start.

  Attributes:
    mean: Mean number of updates between a fetch and the push that came of it.
    p95: 95th percentile.
    theory: Mean by theory.
    pushes: Number of pushes, those of every shard counted once.
    beyond: Number of pushes that were staler than twice the number of replicas, at any
      shard.
    provenance: Provenance of the run.
  """

  mean: float
  p95: float
  theory: float
  pushes: int
  beyond: int
  provenance: Mapping[str, Any]


def cases(
  replicas: Sequence[int], seeds: Sequence[int], steps_per_replica: int
) -> dict[tuple[str, float, int], Case]:
  """Returns all runs on the virtual clock, by (what varies, its value, seed)."""
  few = min(REPLICAS, max(replicas))
  settings: dict[tuple[str, float], dict[str, Any]] = {
    **{('replicas', m): {'cluster.num_replicas': m} for m in replicas},
    **{
      ('latency', latency): {
        'cluster.num_replicas': few,
        'cluster.latency_seconds': latency * STEP,
      }
      for latency in LATENCIES
    },
    **{
      ('duration', duration): {
        'cluster.num_replicas': few,
        'cluster.step_seconds': duration,
        'cluster.latency_seconds': _LATENCY,
      }
      for duration in DURATIONS
    },
  }
  return {
    (what, value, seed): Case(
      f'{what}-{value:g}-seed-{seed}',
      CONFIG,
      {
        **_COMMON,
        **fields,
        'seed': seed,
        **_length(
          fields['cluster.num_replicas'],
          steps_per_replica
          * (_TAIL if (what, value) == ('replicas', TAIL_REPLICAS) else 1),
        ),
      },
    )
    for (what, value), fields in settings.items()
    for seed in seeds
  }


def _length(replicas: int, steps_per_replica: int) -> dict[str, int]:
  steps = replicas * steps_per_replica
  return {'num_steps': steps, 'eval_steps': steps}


Found = Mapping[tuple[str, float, int], Measured]


def measure_virtual(
  workdir: Path, replicas: Sequence[int], seeds: Sequence[int], steps_per_replica: int
) -> Found:
  """Does the runs that are missing on the virtual clock."""
  wanted = cases(replicas, seeds, steps_per_replica)
  folder = workdir / 'virtual'
  summaries = batch.complete(list(wanted.values()), folder, 'causes of staleness')
  return {
    key: measured(folder / case.folder, summary)
    for (key, case), summary in zip(wanted.items(), summaries)
  }


def measure_clusters(
  workdir: Path, replicas: Sequence[int], seeds: Sequence[int], steps_per_replica: int
) -> Found:
  """Does the runs that are missing on real clusters."""
  found: dict[tuple[str, float, int], Measured] = {}
  for seed in seeds:
    settings = {
      f'{m}-replicas': {
        **_COMMON,
        'cluster.num_replicas': m,
        'seed': seed,
        **_length(m, steps_per_replica),
      }
      for m in replicas
    }
    (own,) = runs.repeat(
      CONFIG, settings, measured, workdir / 'cluster' / f'seed-{seed}', 1
    )
    found |= {('cluster', m, seed): own[f'{m}-replicas'] for m in replicas}
  return found


def measured(folder: Path, summary: Mapping[str, Any]) -> Measured:
  """Returns the staleness of a finished run."""
  run = Run(folder)
  values = pushes.staleness(run.pushes)
  replicas = len(summary['replicas'])
  stale = np.any(run.pushes['staleness'] > 2 * replicas, axis=1)
  return Measured(
    float(values.mean()),
    float(np.percentile(values, 95)),
    summary['theoretical_staleness'],
    len(run.pushes),
    int(stale.sum()),
    summary['provenance'],
  )


def judge(
  found: Found,
  replicas: Sequence[int],
  cluster_replicas: Sequence[int],
  seeds: Sequence[int],
) -> list[Judgement]:
  """Returns the verdicts on what Zhang et al. measured of staleness.

  Args:
    found: Figures of all runs.
    replicas: Numbers of replicas on the virtual clock.
    cluster_replicas: Those on real clusters.
    seeds: Seeds.
  """
  many = TAIL_REPLICAS if TAIL_REPLICAS in replicas else max(replicas)
  return [
    *_judge(found, '', 'replicas', replicas, many, seeds),
    *_judge(found, '-cluster', 'cluster', cluster_replicas, max(cluster_replicas), seeds),
  ]


def _judge(
  found: Found,
  suffix: str,
  what: str,
  replicas: Sequence[int],
  many: int,
  seeds: Sequence[int],
) -> list[Judgement]:
  off = [
    max(abs(found[what, m, seed].mean / (m - 1) - 1) for m in replicas) for seed in seeds
  ]
  of_many = [found[what, many, seed] for seed in seeds]
  tail = intervals.fraction(
    sum(m.beyond for m in of_many), sum(m.pushes for m in of_many)
  )
  return [
    verdicts.judge(f'Z1{suffix}', off, {}),
    verdicts.judge(f'Z2{suffix}', [], {}, tail),
  ]


def places(found: Found, what: str) -> list[float]:
  """Returns the values of what varies."""
  return sorted({value for name, value, _ in found if name == what})


def series(found: Found, what: str, field: str) -> tuple[list[float], list[list[float]]]:
  """Returns the values of what varies, and a figure of each seed at each of them."""
  values = places(found, what)
  return values, [
    [
      getattr(m, field)
      for (name, place, _), m in found.items()
      if (name, place) == (what, v)
    ]
    for v in values
  ]


_NAMES = {
  'replicas': '{:g} replicas, virtual clock',
  'cluster': '{:g} replicas, cluster',
  'latency': 'latency of {:g} steps',
  'duration': 'steps of {:g} s, latency 0.1 s',
}


def table(found: Found) -> str:
  """Returns a table of all cases, in Markdown."""
  rows = []
  for what, name in _NAMES.items():
    for value, *figures in zip(
      places(found, what),
      *(series(found, what, field)[1] for field in ('mean', 'p95', 'theory')),
    ):
      own = [m for (name_, v, _), m in found.items() if (name_, v) == (what, value)]
      late, pushes = sum(m.beyond for m in own), sum(m.pushes for m in own)
      row = (str(intervals.median(each)) for each in figures)
      rows.append((name.format(value), *row, f'{100 * late / pushes:.2g}'))
  head = ('case', 'mean staleness', '95th percentile', 'theory', 'beyond twice M, %')
  return tables.markdown(head, rows)


def as_csv(found: Found) -> str:
  """Returns the figures of all runs."""
  lines = ['what,value,seed,mean,p95,theory,pushes,beyond']
  lines += [
    f'{what},{value:g},{seed},{m.mean:.4f},{m.p95:g},{m.theory:.4f},{m.pushes},{m.beyond}'
    for (what, value, seed), m in found.items()
  ]
  return '\n'.join(lines) + '\n'
