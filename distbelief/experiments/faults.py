"""A replica is killed: how the updates go on, in Downpour and in synchronous training."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief import config as config_lib
from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.experiments import intervals, process_stats, runs, tables, verdicts
from distbelief.experiments.verdicts import Judgement
from distbelief.rundir import workdirs
from distbelief.telemetry import records
from distbelief.telemetry.steps import Status

CONFIG = 'configs/quickstart.py'
ASYNCHRONOUS, SYNCHRONOUS = 'Downpour', 'synchronous SGD'
CASES: dict[str, dict[str, Any]] = {
  ASYNCHRONOUS: {},
  SYNCHRONOUS: {'algorithm': 'synchronous'},
}
VICTIM = 1
# Seconds around the kill that are looked at: before it, and after it.
_SPAN = (5.0, 20.0)
_BIN = 0.5
_LIMIT = 300.0  # Seconds that anything may take.


class Measured(NamedTuple):
  """One run in which a replica was killed.

  Attributes:
    times: Times of the updates, in seconds since the kill.
    back: When the replica that was killed did its first step again; infinite: the run
      ended before.
    status: Exit status of the command; if it is not 0, it was started once more.
    provenance: Provenance of the run.
  """

  times: list[float]
  back: float
  status: int
  provenance: Mapping[str, Any]

  def rate(self, begin: float, end: float) -> float:
    """Returns the updates per second between two times."""
    times = np.asarray(self.times)
    return float(((times >= begin) & (times < end)).sum() / (end - begin))

  @property
  def before(self) -> float:
    """Updates per second before the kill."""
    return self.rate(-_SPAN[0], 0.0)

  @property
  def meanwhile(self) -> float:
    """Updates per second while the replica was away."""
    return self.rate(0.0, min(self.back, self.times[-1]))

  @property
  def gap(self) -> float:
    """Longest time without any update since the kill, in seconds."""
    after = [time for time in self.times if time > 0]
    return float(np.diff([0.0, *after]).max())


def measure(
  workdir: Path, seeds: Sequence[int], num_steps: int
) -> dict[str, list[Measured]]:
  """Kills a replica in a run of each case and seed.

  Args:
    workdir: Directory of the runs; finished ones are not repeated.
    seeds: Seeds.
    num_steps: Number of minibatches of a run.
  """
  return {
    case: [
      _one(workdir / f'{case.replace(" ", "_")}-seed-{seed}', case, seed, num_steps)
      for seed in seeds
    ]
    for case in CASES
  }


def _one(folder: Path, case: str, seed: int, num_steps: int) -> Measured:
  fields = {
    **CASES[case],
    'seed': seed,
    'num_steps': num_steps,
    'checkpoint_seconds': 5.0,
    'telemetry.swarm_seconds': 0.0,
  }
  note, config = folder / 'killed.txt', runs.load(CONFIG, fields)
  runs.refuse_another(config, folder)
  if not (note.exists() and workdirs.is_finished(config, folder)):
    # What is there was interrupted, or nobody knows when its replica was killed.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f'{folder}: a replica will be killed')
    command = process_stats.command(CONFIG, folder, fields)
    note.write_text(' '.join(map(repr, _train_and_kill(command, folder, num_steps))))
  killed, status = note.read_text().split()
  return _measured(folder, float(killed), int(status))


def _train_and_kill(
  command: Sequence[str], folder: Path, num_steps: int
) -> tuple[float, int]:
  """Trains to the end, if need be by a second command; returns (when, first status)."""
  with open(folder / 'screen.log', 'ab') as screen:
    run = subprocess.Popen(command, stdout=screen, stderr=screen)
    try:
      # A third is done: it is under way, and enough is left to see it recover.
      _wait(lambda: _num_records(folder) > num_steps // 3, run)
      (victim,) = [
        process.pid
        for process in process_stats.descendants(run.pid)
        if process.name == f'replica-{VICTIM}'
      ]
      os.kill(victim, signal.SIGKILL)
      killed = time.time()
      try:
        status = run.wait(_LIMIT)
      except subprocess.TimeoutExpired:
        raise errors.FailedRunError(
          f'{folder} does not end: see screen.log in it'
        ) from None
    finally:
      run.kill()
      run.wait()
    if status:
      again = subprocess.run(command, stdout=screen, stderr=screen, timeout=_LIMIT)
      if again.returncode:
        raise errors.FailedRunError(f'{folder} cannot be resumed: see screen.log in it')
  return killed, status


def _wait(condition: Callable[[], bool], run: subprocess.Popen) -> None:
  deadline = time.monotonic() + _LIMIT
  while not condition():
    if run.poll() is not None or time.monotonic() > deadline:
      raise errors.FailedRunError(
        'a run did not come so far: see screen.log in its directory'
      )
    time.sleep(0.05)


def _num_records(folder: Path) -> int:
  return sum(len(records.open_file(path)) for path in records.files(folder))


def _measured(folder: Path, killed: float, status: int) -> Measured:
  run = Run(folder)
  # What a resume has undone was applied at its time all the same.
  counted = np.isin(run.records['status'], (Status.APPLIED, Status.UNDONE))
  done = run.records[counted.all(axis=1)]
  if config_lib.algorithm(run.config).updates_are_replicated:
    done = done[done['replica'] == 0]  # Each performs every update for itself.
  own = run.records[run.records['replica'] == VICTIM]
  back = own['compute_start'][own['compute_start'] > killed].min(initial=np.inf)
  times = np.unique(done['applied_at'].max(axis=1)) - killed
  summary = run.summary or {}
  return Measured(times.tolist(), float(back - killed), status, summary['provenance'])


def judge(found: Mapping[str, Sequence[Measured]]) -> list[Judgement]:
  """Returns the verdicts on C12, of Downpour and of synchronous training."""
  kept = [measured.meanwhile / measured.before for measured in found[ASYNCHRONOUS]]
  stalled = [
    other.gap / own.gap for own, other in zip(found[ASYNCHRONOUS], found[SYNCHRONOUS])
  ]
  gate = {'alone': all(measured.status == 0 for measured in found[ASYNCHRONOUS])}
  return [
    verdicts.judge('C12', kept, gate),
    verdicts.judge('C12-synchronous', stalled, {}),
  ]


def table(found: Mapping[str, Sequence[Measured]]) -> str:
  """Returns a table of both cases, in Markdown."""
  rows = [
    (
      case,
      str(intervals.median([m.before for m in own])),
      str(intervals.median([m.meanwhile for m in own])),
      str(intervals.median([m.gap for m in own])),
      intervals.of_times([m.back for m in own]),
      'goes on'
      if not any(m.status for m in own)
      else 'ends; the same command resumes it',
    )
    for case, own in found.items()
  ]
  head = (
    *('', 'updates/s before', 'updates/s meanwhile', 'longest gap, s'),
    *('back after, s', 'the command'),
  )
  return tables.markdown(head, rows)


def rates(found: Sequence[Measured]) -> tuple[np.ndarray, np.ndarray]:
  """Returns times since the kill, [times], and updates per second, [seeds, times]."""
  edges = np.arange(-_SPAN[0], _SPAN[1] + _BIN / 2, _BIN)
  counts = [np.histogram(measured.times, edges)[0] / _BIN for measured in found]
  return edges[:-1] + _BIN / 2, np.array(counts)


def as_csv(found: Mapping[str, Sequence[Measured]], seeds: Sequence[int]) -> str:
  """Returns the updates per second of each run against the time since the kill."""
  lines = ['case,seed,seconds,updates_per_second']
  for case, own in found.items():
    middles, counts = rates(own)
    for seed, row in zip(seeds, counts):
      lines += [
        f'{case},{seed},{middle:g},{count:g}' for middle, count in zip(middles, row)
      ]
  return '\n'.join(lines) + '\n'
