"""Which clock a run's times are of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
  """What tells a run's leader the time, in seconds."""

  name: str  # cluster or virtual, as in summary.json.
  now: Callable[[], float]  # What records hold; a real one can be set by somebody.
  steady: Callable[[], float]  # For intervals: nobody sets it, its zero means nothing.
  is_simulated: bool  # While Python computes: nothing goes on beside it.


REAL = Clock('cluster', time.time, time.monotonic, is_simulated=False)


def virtual(now: Callable[[], float]) -> Clock:
  """Returns a clock of simulated seconds."""
  return Clock('virtual', now, now, is_simulated=True)
