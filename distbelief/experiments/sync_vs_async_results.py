"""What the runs of sync_vs_async came to: verdicts, and the course text's table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from distbelief.analysis import summary as summary_lib
from distbelief.experiments import (
  figure4,
  gates,
  intervals,
  sync_vs_async,
  tables,
  verdicts,
  warmstart,
)
from distbelief.experiments.sweep import Point, Sweep
from distbelief.experiments.sync_vs_async import name_of
from distbelief.experiments.verdicts import Judgement

_LOST = 1.2  # Least time with stragglers over that without, for backups to win back.

# Claim: (slower, faster) kind of training, machines, whether with the longest latency.
_TIMES = {
  'S2': ('async', 'sync', 'equal', False),
  'S2-tail': ('sync', 'async', 'heavy', False),
  'S2-latency': ('sync', 'async', 'light', True),
  'S2-overlap': ('sync', 'overlap', 'light', True),
  'R1': ('async', 'backup', 'heavy', False),
}


def judge(
  sweep: Sweep, latencies: Sequence[float], seeds: Sequence[int], target: float
) -> list[Judgement]:
  """Returns all verdicts.

  Args:
    sweep: Runs.
    latencies: Latencies in steps, ascending, 0 first.
    seeds: Seeds.
    target: Hold-out accuracy.
  """
  found = []
  for claim, (slower, faster, machines, is_far) in _TIMES.items():
    latency = latencies[-1 if is_far else 0]
    names = [name_of(kind, machines, latency) for kind in (slower, faster)]
    values, reached = figure4.times_over(sweep, names[0], names[1], seeds, target)
    gate = {'reached': reached, **gates.tuned_alike(sweep, names)}
    if 'async' in (slower, faster):
      gate['staleness'] = _is_stale(sweep, machines, latency, seeds)
    found.append(verdicts.judge(claim, values, gate))
  return [
    *found,
    _judge_convergence(sweep, latencies[0], seeds, target),
    _judge_tuning(sweep, latencies, seeds, target),
    _judge_accuracy(sweep, latencies[0], seeds),
    _judge_backups(sweep, latencies[0], seeds, target),
  ]


def _is_stale(sweep: Sweep, machines: str, latency: float, seeds: Sequence[int]) -> bool:
  """Returns whether asynchronous training was as stale as theory says.

  With latency the theory is an approximation, and lies above most measurements.
  """
  name = name_of('async', machines, latency)
  left = sync_vs_async.staleness_left(latency)
  return gates.is_as_stale_as_expected(sweep, name, seeds, left, 0.2 if latency else 0.1)


def _judge_convergence(
  sweep: Sweep, latency: float, seeds: Sequence[int], target: float
) -> Judgement:
  names = [name_of(kind, 'light', latency) for kind in ('async', 'sync')]
  steps = np.array([[c.steps_to(target) for c in sweep.of(n, seeds)] for n in names])
  gate = {
    'reached': bool(np.isfinite(steps).any(axis=0).all()),
    'staleness': _is_stale(sweep, 'light', latency, seeds),
    **gates.tuned_alike(sweep, names),
  }
  with np.errstate(invalid='ignore'):
    return verdicts.judge('S2-convergence', (steps[0] / steps[1]).tolist(), gate)


def _judge_tuning(
  sweep: Sweep, latencies: Sequence[float], seeds: Sequence[int], target: float
) -> Judgement:
  names = sync_vs_async.ranges_of(latencies)
  waiting, free = (warmstart.working(sweep, name, seeds, target) for name in names)
  gate = {
    'reached': all(
      np.isfinite(curve.steps_to(target))
      for name in names
      for curve in sweep.of(name, seeds)
    ),
    'staleness': _is_stale(sweep, 'light', latencies[0], seeds),
    'grid': gates.tuned_alike(sweep, names)['grid'],
    'ends': not _an_end_works(sweep, names, seeds, target),
  }
  return verdicts.judge('S2-tuning', np.subtract(waiting, free).tolist(), gate)


def _an_end_works(
  sweep: Sweep, names: Collection[str], seeds: Sequence[int], target: float
) -> bool:
  """Returns whether a range may go on beyond its grid."""
  return any(
    np.isfinite(sweep.curves[Point(name, rate, seed)].steps_to(target))
    for name in names
    for rate in (min(sweep.tuned[name].scores), max(sweep.tuned[name].scores))
    for seed in seeds
  )


def _judge_accuracy(sweep: Sweep, latency: float, seeds: Sequence[int]) -> Judgement:
  names = [name_of(kind, 'heavy', latency) for kind in ('backup', 'async')]
  ends = [np.nan_to_num([curve.end for curve in sweep.of(n, seeds)]) for n in names]
  gate = {
    'staleness': _is_stale(sweep, 'heavy', latency, seeds),
    **gates.tuned_alike(sweep, names),
  }
  return verdicts.judge('R1-accuracy', (100 * (ends[0] - ends[1])).tolist(), gate)


def _judge_backups(
  sweep: Sweep, latency: float, seeds: Sequence[int], target: float
) -> Judgement:
  names = [
    name_of(kind, machines, latency)
    for kind, machines in (('sync', 'heavy'), ('backup', 'heavy'), ('sync', 'equal'))
  ]
  slow, saved, best = np.array(
    [[curve.seconds_to(target) for curve in sweep.of(n, seeds)] for n in names]
  )
  gate = {
    'reached': bool(np.isfinite([slow, saved, best]).all()),
    'lost': bool((slow >= _LOST * best).all()),
    **gates.tuned_alike(sweep, names),
  }
  with np.errstate(invalid='ignore', divide='ignore'):
    return verdicts.judge('R2', ((slow - saved) / (slow - best)).tolist(), gate)


def waiting(sweep: Sweep, name: str, seeds: Sequence[int]) -> list[float]:
  """Returns the part of their time that replicas wait for others, per seed."""
  rate = sweep.tuned[name].rate
  summaries = [sweep.summaries[Point(name, rate, seed)] for seed in seeds]
  return [summary_lib.waiting(summary) or 0.0 for summary in summaries]


def throughput(sweep: Sweep, name: str, seeds: Sequence[int]) -> list[float]:
  """Returns the minibatches per second that count, per seed."""
  return [curve.steps[-1] / curve.seconds[-1] for curve in sweep.of(name, seeds)]


def table(
  sweep: Sweep, latencies: Sequence[float], seeds: Sequence[int], target: float
) -> str:
  """Returns the course text's table with numbers, a line per method, in Markdown."""
  rows = []
  for training, machines, latency in sync_vs_async.conditions(latencies):
    name = name_of(training, machines, latency)
    tuned, found = sweep.tuned[name], sweep.of(name, seeds)
    rows.append(
      (
        f'{sync_vs_async.MACHINES[machines][0]}, {latency:g}',
        sync_vs_async.TRAINING[training][0],
        intervals.of_percent(waiting(sweep, name, seeds)),
        f'{np.mean([curve.staleness for curve in found]):.1f}',
        str(intervals.median(throughput(sweep, name, seeds))),
        intervals.of_times([curve.steps_to(target) for curve in found]),
        intervals.of_percent([curve.end for curve in found]),
        intervals.of_times([curve.seconds_to(target) for curve in found]),
        f'{tuned}: {tuned.working} of {len(tuned.scores)}',
      )
    )
  head = (
    *('machines, latency', 'training', 'Worker Wait, %', 'Gradients: staleness'),
    *('Throughput, minibatches/s', f'Convergence: minibatches to {target:.0%}'),
    *('% correct at the end', f'Wall-Clock Time, s to {target:.0%}'),
    'Tuning: best rate, rates that work',
  )
  return tables.markdown(head, rows)
