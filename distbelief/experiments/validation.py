"""The simulator against the cluster: what it predicts from one replica, and what is.

A padded cluster of one replica is measured: how long its steps take, how long its
fetches and pushes, and for how much of that its shard has a processor busy. The simulator
gets these, and predicts clusters of other sizes, of which nothing is measured for it.
(That it gets one replica right as well only shows that the measures mean what they say.)
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
THROUGHPUT = SPREAD = 0.1  # Relative errors that the simulator may make.
STALENESS = 0.3  # Or this, absolute.
TARGET = 0.2  # Of the time to the target accuracy.

_READINGS = 'readings.json'
_LARGE_ALONE = 'large network, alone'

_STEPS = 200  # Of each replica.
# 1,549,362 parameters, 6.2 MB, and a shard that has a processor for two fifths of the
# time only: else the replicas would run out of processor time before the shard does.
_LARGE = {'model.hidden_units': (1024, 1024), 'data.batch_size': 2}
_ON, _PERIOD = 0.04, 0.1  # Seconds.


class Case(NamedTuple):
  """A cluster to predict."""

  fields: Mapping[str, Any]  # What differs from the config.
  alone: str = 'alone'  # The case of one replica that says how long things take.

  @property
  def is_large(self) -> bool:
    """Whether the network is, and the shard is slowed down for it."""
    return self.alone == _LARGE_ALONE


def _sized(size: int, **fields: Any) -> dict[str, Any]:
  """Returns fields of a run of half a minute, if nobody waits."""
  return {
    'cluster.num_replicas': size,
    'num_steps': _STEPS * size,
    'eval_steps': 5 * size,
    **fields,
  }


_LONG = {'num_steps': 400, 'eval_steps': 50}

# One replica: padded, and as fast as it can, so that the shard hardly pauses. Together
# they tell what a step costs the shard, apart from what it does all the time.
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
  """What a run came to."""

  updates_per_second: float
  staleness: float
  quantiles: list[float]  # Of staleness.
  seconds_to_target: float | None
  accuracy: float


class Durations(NamedTuple):
  """How long things take where nobody else is; seconds."""

  step: float  # Mean, padding included, without the travel.
  travel: float  # Of a fetch and a push.
  shard: float  # Of that, a processor at work for the shard; the update is part of it.

  def fields(self, num_bytes: float) -> dict[str, Any]:
    """Returns what the simulator is told.

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
  """Lets a shard run for a part of the time only, by signals."""

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
    """Takes note of who the shard is."""
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
  """Returns what a finished run came to."""
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
  """Returns how long things take at one replica, and the bytes of a transfer.

  Args:
    padded: A run of one replica, and what was read of its tasks.
    fast: The same, unpadded.
    part: Of the time that the shard may run.
  """
  run = Run(padded)
  found = np.sort(run.records, order='step')
  travel = sum(
    found[f'{name}_end'] - found[f'{name}_start'] for name in ('fetch', 'push')
  )
  # Processor seconds of the shard: so many a step, and so many a second.
  spent = [_between(_readings(folder)) for folder in (padded, fast)]
  shard, _ = np.linalg.solve([s[:2] for s in spent], [s[2] for s in spent])
  # What is left of a step's time: computing, padded, and a little between two steps.
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
  """What clusters did."""

  durations: dict[str, Durations]  # By case of one replica; medians.
  num_bytes: dict[str, float]  # Of a transfer, likewise.
  runs: dict[str, list[Measured]]  # By case.
  provenance: list[dict[str, Any]]  # Of each run.


def repeat(
  workdir: Path,
  repetitions: int,
  say: Callable[[str], None] = print,
  *,
  names: Sequence[str] | None = None,
) -> Found:
  """Trains cases on clusters, one after the other, and again.

  Args:
    workdir: Where the runs go; cases that are finished there are not repeated.
    repetitions: How often.
    say: Shows a line.
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
      padded, fast = _folder(folder, name), _folder(folder, f'{name}, unpadded')
      unpadded = case._replace(fields={**case.fields, **FAST[name]})
      for own, place in ((case, padded), (unpadded, fast)):
        found.provenance.append(_finish(own, place)['provenance'])
      part = _ON / _PERIOD if case.is_large else 1.0
      told, found.num_bytes[name] = durations(padded, fast, part)
      alone[name].append(told)
      say(f'  {told}')
    for name, case in chosen.items():
      say(f'repetition {index}: {name}')
      place = _folder(folder, name)
      summary = _finish(case, place)
      found.provenance.append(summary['provenance'])
      found.runs[name].append(measure(place, summary))
  for name, several in alone.items():
    found.durations[name] = Durations(*(statistics.median(v) for v in zip(*several)))
  return found


def _finish(case: Case, workdir: Path) -> dict[str, Any]:
  """Returns the summary of a case's run; its readings are beside it."""
  if not (workdir / _READINGS).exists():
    if workdir.exists():  # It was cut off, and so were the readings.
      shutil.rmtree(workdir)
    readings = train(case, workdir)
    files.write_whole(workdir / _READINGS, json.dumps(readings))
  return json.loads((workdir / 'summary.json').read_text())


def _folder(workdir: Path, name: str) -> Path:
  return workdir / name.replace(', ', '-').replace(' ', '_')


def predict(workdir: Path, found: Found) -> dict[str, Measured]:
  """Returns by case what the simulator says of it.

  Args:
    workdir: Where its runs go.
    found: Durations where nobody else is.
  """
  predicted = {}
  for name in found.runs:
    case = cases()[name]
    told = found.durations[case.alone].fields(found.num_bytes[case.alone])
    folder = _folder(workdir, name)
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
  """Returns how far the simulator is from the cluster, and whether that is near."""
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
  """Returns the comparison as a table in Markdown: of each number cluster, simulator."""
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
