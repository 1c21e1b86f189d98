"""The processes of a run on this machine, and their processor times."""

from __future__ import annotations

import collections
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from distbelief import errors
from distbelief.telemetry import activities


class Process(NamedTuple):
  """A running process."""

  name: str  # E.g. replica-1.
  pid: int
  seconds: float  # Processor time that it has used.


class Reading(NamedTuple):
  """The processor times of a run at an evaluation."""

  steps: int
  time: float  # Seconds since the epoch.
  processor: Mapping[str, float]  # Seconds, by the name of the process.


def descendants(root: int) -> list[Process]:
  """Returns the children of a process, their children, and so on.

  Args:
    root: Id of the process, which may have ended.
  """
  found = []
  with contextlib.suppress(psutil.NoSuchProcess):
    for process in psutil.Process(root).children(recursive=True):
      with contextlib.suppress(psutil.NoSuchProcess):  # It has just ended.
        used = process.cpu_times()
        found.append(Process(process.name(), process.pid, used.user + used.system))
  return sorted(found, key=lambda process: process.pid)


def command(
  config: str | Path, workdir: Path, fields: Mapping[str, Any], clock: str = 'cluster'
) -> list[str]:
  """Returns the words of a command that trains with these fields changed."""
  words = [sys.executable, '-m', 'distbelief', 'train', f'--config={config}']
  words += [f'--workdir={workdir}', f'--clock={clock}']
  return words + [f'--config.{name}={value}' for name, value in fields.items()]


def watch(
  config: str | Path,
  workdir: Path,
  fields: Mapping[str, Any],
  on_processes: Callable[[Sequence[Process]], None] = lambda processes: None,
) -> list[Reading]:
  """Trains in a process of its own, and reads all tasks' processor times meanwhile.

  Args:
    config: Path of a config file.
    workdir: Directory of the run; new.
    fields: Changes to the config, by dotted name.
    on_processes: Function that is called with the processes when they first appear, and
      at every reading.

  Returns:
    Readings, one per evaluation. The first one is late, since that evaluation takes
    longer; at the last one, the run's end, tasks may be gone.

  Raises:
    errors.FailedRunError: If the run fails.
  """
  words = command(config, workdir, fields)
  readings = []
  with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
    seen = 0
    while process.poll() is None:
      done = activities.read(workdir)
      if len(done) > seen:
        seen = len(done)
        if done[-1].name == 'evaluation':
          processes = descendants(process.pid)
          on_processes(processes)
          used: dict[str, float] = collections.defaultdict(float)
          for own in processes:
            used[own.name] += own.seconds
          readings.append(Reading(done[-1].steps, done[-1].start, used))
      elif not seen and (processes := descendants(process.pid)):
        on_processes(processes)
      time.sleep(0.01)
  if process.returncode:
    raise errors.FailedRunError(
      f'training in {workdir} ended with status {process.returncode}: see logs/ in it'
    )
  return readings
