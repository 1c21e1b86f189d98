"""Reports of a task to the launcher's display: a line of JSON per event, over a pipe."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from distbelief.telemetry import display

_LONGEST_TEXT = 900  # Characters; a line must fit into the pipe as one (PIPE_BUF).


class ProgressPipe:
  """Has the methods of display.Display, for a process at the other end of the pipe.

  Several processes may write to the pipe: a line arrives whole. A display that is gone,
  stopped or slow never holds up the training: events that do not fit are lost.
  """

  def __init__(self, fd: int) -> None:
    """Takes the pipe's end, and makes its writes non-blocking."""
    self._fd = fd
    os.set_inheritable(fd, False)  # End of file means that all tasks are gone.
    os.set_blocking(fd, False)

  def progress(self, **fields: Any) -> None:
    """Shows the progress of the training; the fields of display.Display.progress."""
    self._send({'event': 'progress', **fields})

  def preparing(self, text: str) -> None:
    """Shows what is being done before there is progress."""
    self._send({'event': 'preparing', 'text': text})

  def message(self, text: str) -> None:
    """Shows a line of text."""
    self._send({'event': 'message', 'text': text[:_LONGEST_TEXT]})

  def _send(self, event: dict[str, Any]) -> None:
    # default=float: JSON does not know NumPy's numbers.
    line = json.dumps(event, ensure_ascii=False, default=float) + '\n'
    with contextlib.suppress(OSError):
      os.write(self._fd, line.encode())


def deliver(line: bytes, to: display.Display) -> None:
  """Shows one event on a display."""
  event = json.loads(line)
  shows: dict[str, Callable[..., None]] = {
    'progress': to.progress,
    'preparing': to.preparing,
    'message': to.message,
  }
  shows[event.pop('event')](**event)
