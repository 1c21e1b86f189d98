"""Compares the simulator's predictions from one replica with real clusters.

A padded cluster of one replica is measured: the times of its steps, of its fetches and
pushes, and the processor time of its shard in these. The simulator gets these, and
predicts clusters of other sizes, without any measurement of them. (That it predicts one
replica correctly as well only shows that the measures are right.)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief import run as run_lib
from distbelief.analysis import pushes
from distbelief.analysis.run import Run
from distbelief.experiments import process_stats, runs, tables
from distbelief.telemetry import files

CONFIG = 'configs/validation.py'
REPLICAS = (1, 2, 5, 10, 20)
QUANTILES = np.linspace(0.02, 0.98, 25)
THROUGHPUT = SPREAD = 0.1  # Relative errors allowed to the simulator.
STALENESS = 0.3  # Alternatively an absolute error.
TARGET = 0.2  # Relative error of the time to the target accuracy.

_READINGS = 'readings.json'
_LARGE_ALONE = 'large network, alone'

_STEPS = 200  # Steps of each replica.
# 1,549,362 parameters, 6.2 MB, and a shard that has a processor for two fifths of the
# time only: else the replicas would be short of processor time before the shard is.
_LARGE = {'model.hidden_units': (1024, 1024), 'data.batch_size': 2}
_ON, _PERIOD = 0.04, 0.1  # Seconds.


class Case(NamedTuple):
  """A cluster to predict."""

  fields: Mapping[str, Any]  # Changes to the config.
  alone: str = 'alone'  # The case of one replica that gives the durations.

  @property
  def is_large(self) -> bool:
    """Whether the network is large, and the shard is slowed down for it."""
    return self.alone == _LARGE_ALONE


def _sized(size: int, **fields: Any) -> dict[str, Any]:
  """Returns the fields of a run of half a minute, if no replica waits."""
  return {
    'cluster.num_replicas': size,
    'num_steps': _STEPS * size,
    'eval_steps': 5 * size,
    **fields,
  }


_LONG = {'num_steps': 400, 'eval_steps': 50}

# One replica: padded, and as fast as it can, so that the shard hardly pauses. Together
# they give the shard's cost of a step, separate from its constant load.
ALONE = {
  'alone': Case(_sized(1, **_LONG)),
  _LARGE_ALONE: Case(_sized(1, **_LONG, **_LARGE), _LARGE_ALONE),
}
_FAST = {'cluster.step_seconds': 0.0, 'downpour.overlap': True}
FAST = {
  'alone': {**_FAST, 'num_steps': 5000, 'eval_steps': 500},
  _LARGE_ALONE: {**_FAST, 'num_steps': 500, 'eval_steps': 50},
}


def cases() -> dict[str, Case]:
  """Returns all cases by name."""
  found = {}
  for overlap in (False, True):
    for size in REPLICAS:
      name = f'{size} {"replica" if size == 1 else "replicas"}'
      found[f'{name}, overlapped' if overlap else name] = Case(
        _sized(size, **{'downpour.overlap': overlap})
      )
  slow = _sized(5, **{'cluster.slowdown': (1, 1, 1, 1, 4)})
  found['5 replicas, one slow'] = Case(slow)
  for size in (2, 5, 10, 20):
    steps = _STEPS * size // 2  # Evaluated at the end only.
    fields = _sized(size, **_LARGE, num_steps=steps, eval_steps=steps)
    found[f'large network, {size} replicas'] = Case(fields, _LARGE_ALONE)
  return found


class Measured(NamedTuple):
  """The results of a run."""

  updates_per_second: float
  staleness: float
  quantiles: list[float]  # Quantiles of staleness.
  seconds_to_target: float | None
  accuracy: float


class Durations(NamedTuple):
  """Durations with a single replica, in seconds."""

  step: float  # Mean, padding included, without the travel.
  travel: float  # Time of a fetch and a push.
  shard: float  # Processor time of the shard in that, update included.

  def fields(self, num_bytes: float) -> dict[str, Any]:
    """Returns the fields for the simulator.

    A shard's processor serves one transfer after the other, the update with them.
    """
    return {
      'cluster.step_seconds': self.step,
      'cluster.latency_seconds': max(0.0, self.travel - self.shard) / 2,
      'simulation.shard_bandwidth': 2 * num_bytes / self.shard,
    }


def train(case: Case, workdir: Path) -> list[process_stats.Reading]:
  """Trains a case on a cluster; returns its tasks' processor times."""
  if not case.is_large:
    return process_stats.watch(CONFIG, workdir, case.fields)
  with _Brake() as brake:
    return process_stats.watch(CONFIG, workdir, case.fields, brake.on_processes)


class _Brake:
  """Lets a shard run only for a fraction of the time, by signals."""

  def __init__(self) -> None:
    self._pid: int | None = None
    self._over = threading.Event()
    self._thread = threading.Thread(target=self._run, daemon=True)

  def __enter__(self) -> _Brake:
    self._thread.start()
    return self

  def __exit__(self, *unused: object) -> None:
    self._over.set()
    self._thread.join()

  def on_processes(self, found: Sequence[process_stats.Process]) -> None:
    """Remembers the process of the shard."""
    for task in found:
      if task.name == 'ps-0':
        self._pid = task.pid

  def _run(self) -> None:
    while not self._over.wait(_ON):
      if self._pid is None:
        continue
      try:
        os.kill(self._pid, signal.SIGSTOP)
        self._over.wait(_PERIOD - _ON)
        os.kill(self._pid, signal.SIGCONT)
      except ProcessLookupError:
        self._pid = None  # The run has ended.


def measure(workdir: Path, summary: Mapping[str, Any]) -> Measured:
  """Returns the results of a finished run."""
  run = Run(workdir)
  stale = pushes.staleness(run.pushes)
  return Measured(
    summary['updates_per_second'],
    float(stale.mean()),
    np.quantile(stale, QUANTILES).tolist(),
    summary['seconds_to_target'],
    summary['holdout_accuracy'],
  )


def durations(padded: Path, fast: Path, part: float = 1.0) -> tuple[Durations, float]:
  """Returns the durations with one replica, and the bytes of a transfer.

  Args:
    padded: Directory of a run of one replica, and of the readings of its tasks.
    fast: Directory of the same run, unpadded.
    part: Fraction of the time that the shard may run.
  """
  run = Run(padded)
  found = np.sort(run.records, order='step')
  travel = sum(
    found[f'{name}_end'] - found[f'{name}_start'] for name in ('fetch', 'push')
  )
  # Processor seconds of the shard: a part per step, and a part per second.
  spent = [_between(_readings(folder)) for folder in (padded, fast)]
  shard, _ = np.linalg.solve([s[:2] for s in spent], [s[2] for s in spent])
  # The rest of a step's time: padded computing, and a little between two steps.
  seconds = np.nanmax(found['update_end']) - np.nanmin(found['fetch_start'])
  return (
    Durations(
      float(seconds - np.nansum(travel)) / len(found),
      float(np.nanmedian(travel)),
      float(shard) / part,
    ),
    float(sum(run.header['shard_bytes'])),
  )


def _between(readings: Sequence[process_stats.Reading]) -> tuple[float, float, float]:
  """Returns steps, seconds, and processor seconds of the shard between two readings."""
  _, first, *_, last, _ = readings  # See process_stats.watch.
  spent = last.processor['ps-0'] - first.processor['ps-0']
  return last.steps - first.steps, last.time - first.time, spent


def _readings(workdir: Path) -> list[process_stats.Reading]:
  return [
    process_stats.Reading(*own) for own in json.loads((workdir / _READINGS).read_text())
  ]


class Found(NamedTuple):
  """The measured results of clusters."""

  durations: dict[str, Durations]  # By case of one replica; medians.
  num_bytes: dict[str, float]  # Bytes of a transfer, likewise.
  runs: dict[str, list[Measured]]  # By case.
  provenance: list[dict[str, Any]]  # Provenance of each run.


def repeat(
  workdir: Path,
  repetitions: int,
  say: Callable[[str], None] = print,
  *,
  names: Sequence[str] | None = None,
) -> Found:
  """Trains all cases on clusters, one after the other, several times.

  Args:
    workdir: Directory of the runs; cases that are finished there are not repeated.
    repetitions: Number of repetitions.
    say: Function that shows a line.
    names: Names of the cases; None: all.
  """
  chosen = {name: cases()[name] for name in names or cases()}
  found = Found({}, {}, {name: [] for name in chosen}, [])
  needed = {case.alone for case in chosen.values()}
  alone: dict[str, list[Durations]] = {name: [] for name in ALONE if name in needed}
  for index in range(repetitions):
    folder = workdir / f'{index}'
    for name in alone:
      case = ALONE[name]
      say(f'repetition {index}: {name}')
      padded, fast = (
        runs.folder_of(folder, name),
        runs.folder_of(folder, f'{name}, unpadded'),
      )
      unpadded = case._replace(fields={**case.fields, **FAST[name]})
      for own, place in ((case, padded), (unpadded, fast)):
        found.provenance.append(_finish(own, place)['provenance'])
      part = _ON / _PERIOD if case.is_large else 1.0
      told, found.num_bytes[name] = durations(padded, fast, part)
      alone[name].append(told)
      say(f'  {told}')
    for name, case in chosen.items():
      say(f'repetition {index}: {name}')
      place = runs.folder_of(folder, name)
      summary = _finish(case, place)
      found.provenance.append(summary['provenance'])
      found.runs[name].append(measure(place, summary))
  for name, several in alone.items():
    found.durations[name] = Durations(*(statistics.median(v) for v in zip(*several)))
  return found


def _finish(case: Case, workdir: Path) -> dict[str, Any]:
  """Returns the summary of a case's run; its readings are beside it."""
  runs.refuse_another(runs.load(CONFIG, case.fields), workdir)
  if not (workdir / _READINGS).exists():
    if workdir.exists():  # It was interrupted, and so were the readings.
      shutil.rmtree(workdir)
    readings = train(case, workdir)
    files.write_whole(workdir / _READINGS, json.dumps(readings))
  return json.loads((workdir / 'summary.json').read_text())


def predict(workdir: Path, found: Found) -> dict[str, Measured]:
  """Returns the simulator's prediction for each case.

  Args:
    workdir: Directory of its runs.
    found: Results of clusters, with the durations of one replica.
  """
  predicted = {}
  for name in found.runs:
    case = cases()[name]
    told = found.durations[case.alone].fields(found.num_bytes[case.alone])
    folder = runs.folder_of(workdir, name)
    config = runs.load(CONFIG, {**case.fields, **told})
    if folder.exists():  # Other durations may have been measured meanwhile.
      shutil.rmtree(folder)
    summary = run_lib.train(config, folder, clock='virtual')
    predicted[name] = measure(folder, summary)
  return predicted


def distance(one: Sequence[float], other: Sequence[float]) -> float:
  """Returns the mean difference of two distributions' quantiles (Wasserstein's)."""
  return statistics.mean(abs(a - b) for a, b in zip(one, other))


def median(found: Sequence[Measured]) -> Measured:
  """Returns the median of several runs, number by number."""
  times = [run.seconds_to_target for run in found]
  reached = [seconds for seconds in times if seconds is not None]
  return Measured(
    statistics.median(run.updates_per_second for run in found),
    statistics.median(run.staleness for run in found),
    np.median([run.quantiles for run in found], axis=0).tolist(),
    statistics.median(reached) if len(reached) == len(times) else None,
    statistics.median(run.accuracy for run in found),
  )


def compare(cluster: Measured, simulator: Measured) -> dict[str, Any]:
  """Returns the simulator's errors against the cluster, and whether they are small."""
  off = {'updates_per_second': _relative(cluster, simulator, 'updates_per_second')}
  off['staleness'] = simulator.staleness - cluster.staleness
  holds = {
    'updates_per_second': abs(off['updates_per_second']) <= THROUGHPUT,
    'staleness': abs(off['staleness']) <= max(STALENESS, SPREAD * cluster.staleness),
  }
  off['distribution'] = distance(cluster.quantiles, simulator.quantiles)
  reached = [own.seconds_to_target is not None for own in (cluster, simulator)]
  if all(reached):
    off['seconds_to_target'] = _relative(cluster, simulator, 'seconds_to_target')
    holds['seconds_to_target'] = abs(off['seconds_to_target']) <= TARGET
  elif any(reached):
    holds['seconds_to_target'] = False
  return {
    'cluster': cluster._asdict(),
    'simulator': simulator._asdict(),
    'off': off,
    'holds': holds,
  }


def _relative(truth: Measured, found: Measured, name: str) -> float:
  return getattr(found, name) / getattr(truth, name) - 1


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
  """Returns the comparison as a table in Markdown: cluster, simulator for each number."""
  head = ('case', 'updates/s', 'staleness', 'distance', 'seconds to target', 'holds')
  rows = []
  for name, row in found.items():
    own, other, off = row['cluster'], row['simulator'], row['off']
    times = '-'
    if 'seconds_to_target' in off:
      times = (
        f'{own["seconds_to_target"]:.1f}, {other["seconds_to_target"]:.1f} '
        f'({off["seconds_to_target"]:+.0%})'
      )
    failed = [what for what, holds in row['holds'].items() if not holds]
    rows.append(
      (
        name,
        f'{own["updates_per_second"]:.1f}, {other["updates_per_second"]:.1f} '
        f'({off["updates_per_second"]:+.1%})',
        f'{own["staleness"]:.2f}, {other["staleness"]:.2f} ({off["staleness"]:+.2f})',
        f'{off["distribution"]:.2f}',
        times,
        f'no: {", ".join(failed)}' if failed else 'yes',
      )
    )
  return tables.markdown(head, rows)
