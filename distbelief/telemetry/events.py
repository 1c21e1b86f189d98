"""What a task tells the launcher's display: a line of JSON per event, over a pipe."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from distbelief.telemetry import display

_LONGEST_TEXT = 900  # Characters; a line must fit into the pipe as one (PIPE_BUF).


class ProgressPipe:
  """The methods of display.Display, for a process that has the pipe's other end.

  Anyone may write to the pipe: a line arrives whole. A display that is gone, stopped or
  slow never holds up the training: what does not fit is lost.
  """

  def __init__(self, fd: int) -> None:
    """Takes the pipe's end, whose writes no longer block from here on."""
    self._fd = fd
    os.set_inheritable(fd, False)  # Its end tells that all tasks are gone.
    os.set_blocking(fd, False)

  def progress(self, **fields: Any) -> None:
    """Shows how far the training is; the fields of display.Display.progress."""
    self._send({'event': 'progress', **fields})

  def message(self, text: str) -> None:
    """Shows a line of text."""
    self._send({'event': 'message', 'text': text[:_LONGEST_TEXT]})

  def _send(self, event: dict[str, Any]) -> None:
    # NumPy's numbers are no JSON: default=float.
    line = json.dumps(event, ensure_ascii=False, default=float) + '\n'
    with contextlib.suppress(OSError):
      os.write(self._fd, line.encode())


def deliver(line: bytes, to: display.Display) -> None:
  """Shows one event on a display."""
  event = json.loads(line)
  show = {'progress': to.progress, 'message': to.message}[event.pop('event')]
  show(**event)
