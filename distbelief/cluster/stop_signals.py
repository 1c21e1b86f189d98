"""SIGTERM and SIGINT to the task that leads, or that trains in step with it."""

from __future__ import annotations

import signal
from typing import Any


class Stopped(BaseException):
  """The run shall stop: write a checkpoint, if training has begun, and exit."""


class StopSignals:
  """Signals to stop: they interrupt what happens before training, and wait in training.

  Attributes:
    number: Number of the last signal; 0: none has come.
    in_training: Whether signals are only noted, so that none interrupts what must be done
      as a whole (a poll of shards empties their logs); the trainer then looks at
      `number`, and raises Stopped itself.
  """

  def __init__(self) -> None:
    """Changes nothing yet."""
    self.number = 0
    self.in_training = False

  def handle(self) -> None:
    """Handles both from now on, but not one that this process was told to ignore."""
    for number in (signal.SIGTERM, signal.SIGINT):
      if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, self._receive)

  @property
  def exit_status(self) -> int:
    """Exit status of a task that was stopped, as shells have it."""
    return 128 + self.number

  def _receive(self, number: int, unused_frame: Any) -> None:
    """Handles a signal; may be called more than once."""
    before, self.number = self.number, number
    if not before and not self.in_training:
      raise Stopped
