"""The leader's evaluations and checkpoints, with their times: activities.csv."""

from __future__ import annotations

import contextlib
import csv
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Activity(NamedTuple):
  """A row of activities.csv."""

  name: str  # evaluation or checkpoint.
  start: float  # Seconds, on the leader's clock.
  end: float
  steps: int  # Minibatches applied when it started.


class ActivityWriter:
  """Appends rows as activities end; safe for several threads."""

  def __init__(self, workdir: Path, now: Callable[[], float] = time.time) -> None:
    """Opens the file for appending; creates it if there is none.

    Args:
      workdir: Directory of the run.
      now: Clock of the run.
    """
    self._now = now
    self._path = workdir / 'activities.csv'
    self._lock = threading.Lock()
    if not self._path.exists():
      self._append(Activity._fields)
    elif not self._path.read_bytes().endswith(b'\n'):  # Killed in mid-row.
      with self._path.open('a') as file:
        file.write('\n')

  @contextlib.contextmanager
  def during(self, name: str, steps: int) -> Iterator[None]:
    """Records the time that the context takes."""
    start = self._now()
    yield
    self._append(Activity(name, start, self._now(), steps))

  def _append(self, row: tuple) -> None:
    text = ','.join(f'{v:.6f}' if isinstance(v, float) else str(v) for v in row)
    with self._lock, self._path.open('a') as file:
      file.write(f'{text}\n')


def read(workdir: Path | str) -> list[Activity]:
  """Returns the activities of a run in order of their ends, without a torn last row."""
  path = Path(workdir) / 'activities.csv'
  if not path.exists():
    return []
  found = []
  with path.open(newline='') as file:
    for row in csv.DictReader(file):
      with contextlib.suppress(TypeError, ValueError):
        values = (float(row['start']), float(row['end']), int(row['steps']))
        found.append(Activity(row['name'], *values))
  return found
