"""The clock of a run's times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
  """The clock of a run's leader, in seconds."""

  name: str  # cluster or virtual, as in summary.json.
  now: Callable[[], float]  # For records; a real clock may be set meanwhile.
  steady: Callable[[], float]  # For intervals: never set; its zero is arbitrary.
  is_simulated: bool  # Stands still while Python computes.


REAL = Clock('cluster', time.time, time.monotonic, is_simulated=False)


def virtual(now: Callable[[], float]) -> Clock:
  """Returns a clock of simulated seconds."""
  return Clock('virtual', now, now, is_simulated=True)
