"""The tasks of a run on this machine, as the system sees them: /proc."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distbelief.telemetry import activities


class Task(NamedTuple):
  """A process that lives."""

  name: str  # E.g. replica-1.
  pid: int
  seconds: float  # That processors have worked for it.


class Reading(NamedTuple):
  """A run at an evaluation."""

  steps: int
  time: float  # Seconds since the epoch.
  processor: dict[str, float]  # Seconds, by the name of the task.


def of(root: int) -> list[Task]:
  """Returns the descendants of a process."""
  parents, names, seconds = {}, {}, {}
  for folder in Path('/proc').glob('[0-9]*'):
    try:
      before, stat = (folder / 'stat').read_text().rsplit(')', 1)
    except OSError:  # It has just ended.
      continue
    pid, fields = int(folder.name), stat.split()
    parents[pid], names[pid] = int(fields[1]), before.split('(', 1)[1]
    seconds[pid] = sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK')
  family = {root}
  while more := {p for p, parent in parents.items() if parent in family} - family:
    family |= more
  return [Task(names[pid], pid, seconds[pid]) for pid in sorted(family - {root})]


def command(
  config: str | Path, workdir: Path, fields: Mapping[str, Any], clock: str = 'cluster'
) -> list[str]:
  """Returns the words of scripts/train.py, with these fields of the config changed."""
  words = [sys.executable, 'scripts/train.py', f'--config={config}']
  words += [f'--workdir={workdir}', f'--clock={clock}']
  return words + [f'--config.{name}={value}' for name, value in fields.items()]


def watch(
  config: str | Path,
  workdir: Path,
  fields: Mapping[str, Any],
  on_tasks: Callable[[list[Task]], None] = lambda tasks: None,
) -> list[Reading]:
  """Trains with scripts/train.py, and reads its tasks' processor times meanwhile.

  Args:
    config: Of a config file.
    workdir: Of the run; new.
    fields: What it changes of the config, by dotted name.
    on_tasks: Called with the tasks when they are first seen, and at every reading.

  Returns:
    A reading per evaluation. The first one is late, since that evaluation takes longer;
    at the last one, the run's end, tasks may have gone.

  Raises:
    RuntimeError: If the run fails.
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
          tasks = of(process.pid)
          on_tasks(tasks)
          used = collections.Counter()
          for task in tasks:
            used[task.name] += task.seconds
          readings.append(Reading(done[-1].steps, done[-1].start, used))
      elif not seen and (tasks := of(process.pid)):
        on_tasks(tasks)
      time.sleep(0.01)
  if process.returncode:
    raise RuntimeError(f'training in {workdir} ended with status {process.returncode}')
  return readings
