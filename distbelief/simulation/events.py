"""Simulated time: what is to happen, in the order of when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


class EventQueue:
  """A queue of calls; of those due at one time, the one that was asked for first.

  Attributes:
    now: Simulated seconds since the run began.
  """

  def __init__(self, now: float = 0.0) -> None:
    """Starts with nothing to do, at second 0 if the run has not begun before."""
    self.now = now
    self._heap: list[tuple[float, int, Callable[..., None], tuple]] = []
    self._numbers = itertools.count()

  def at(self, time: float, call: Callable[..., None], *args: Any) -> None:
    """Has `call(*args)` happen at `time`, not before now."""
    heapq.heappush(self._heap, (time, next(self._numbers), call, args))

  def next(self) -> bool:
    """Lets the next thing happen; returns False if there is none."""
    if not self._heap:
      return False
    self.now, _, call, args = heapq.heappop(self._heap)
    call(*args)
    return True
