"""Simulated time: a queue of events in the order of their times."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


class EventQueue:
  """A queue of calls; of those due at one time, the one that was scheduled first.

  Attributes:
    now: Simulated seconds since the run began.
  """

  def __init__(self, now: float = 0.0) -> None:
    """Starts empty, at second 0 if the run has not begun before."""
    self.now = now
    self._heap: list[tuple[float, int, Callable[..., None], tuple]] = []
    self._numbers = itertools.count()

  def at(self, time: float, call: Callable[..., None], *args: Any) -> None:
    """Schedules `call(*args)` at `time`, not before now."""
    heapq.heappush(self._heap, (time, next(self._numbers), call, args))

  def next(self) -> bool:
    """Runs the next call; returns False if there is none."""
    if not self._heap:
      return False
    self.now, _, call, args = heapq.heappop(self._heap)
    call(*args)
    return True
