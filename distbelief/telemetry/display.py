"""The progress display of a run: a bar, or plain lines without a terminal.

The launcher drives it with the reports of the chief (telemetry/events.py); a chief that
was started by hand drives it directly.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol, TextIO

import tqdm

_PLAIN_SECONDS = 5.0  # Seconds between two plain lines.
_PATIENCE_SECONDS = 3.0  # Of a preparation, before a plain line tells of it.
_TICK_SECONDS = 0.5
_WIDE = 110  # Columns from which the bar uses the long form of numbers.

# How a number is written where there is room, and where there is little.
_NUMBERS = {
  'loss': ('loss {:.4f}', 'loss {:.3g}'),
  'accuracy': ('accuracy {:.3f}', 'acc {:.3f}'),
  'examples_per_second': ('{:,.0f} examples/s', '{:,.0f} ex/s'),
  'staleness': ('staleness {:.2f}', 'stale {:.1f}'),
}


class Reporter(Protocol):
  """Receiver of a run's reports: a display, or the pipe to one (telemetry/events.py)."""

  def progress(
    self,
    *,
    steps: int,
    num_steps: int,
    loss: float | None = None,
    accuracy: float | None = None,
    examples_per_second: float | None = None,
    staleness: float | None = None,
    phase: str = '',
  ) -> None:
    """Reports the progress of the training; the arguments are those of Display."""

  def preparing(self, text: str) -> None:
    """Reports what is being done before there is progress; it may take a minute."""

  def message(self, text: str) -> None:
    """Reports a line of text."""


class Display:
  """Progress and messages of one run."""

  def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
    """Starts the clock; the bar appears with the first progress."""
    self._stream = stream
    self._clock = clock
    self._start = clock()
    self._terminal = stream.isatty()
    self._bar: tqdm.tqdm | None = None
    self._next_line = self._start
    self._line = ''  # Plain progress that has not been shown yet.
    self._preparing = ''  # Preparation that goes on; empty: there is progress.
    self._lock = threading.RLock()  # A thread shows how long a preparation takes.
    self._over = threading.Event()
    self._ticking: threading.Thread | None = None

  def preparing(self, text: str) -> None:
    """Shows what is being done, until there is progress.

    Args:
      text: What is being done, e.g. 'tracing a training step'.
    """
    with self._lock:
      self._preparing = text
      self._close_bar()  # The next one shows how long this takes.
      self._next_line = self._clock() + _PATIENCE_SECONDS
      if self._ticking is None and not self._over.is_set():
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        self._ticking.start()
    self.refresh()

  def refresh(self) -> None:
    """Shows the preparation that goes on."""
    with self._lock:
      if not self._preparing:
        return
      if self._terminal:
        if self._bar is None:
          self._bar = tqdm.tqdm(
            bar_format='{desc} {elapsed}',
            file=self._stream,
            leave=False,
            dynamic_ncols=True,
          )
        self._bar.set_description_str(self._preparing)
      elif self._clock() >= self._next_line:
        self._line = f'{self._clock() - self._start:.0f} s: {self._preparing}'
        self._flush_line()

  def _tick(self) -> None:
    with contextlib.suppress(OSError, ValueError):  # The screen is gone.
      while not self._over.wait(_TICK_SECONDS):
        self.refresh()

  def _end_preparing(self) -> None:
    self._over.set()
    if self._preparing:
      self._preparing = ''
      self._next_line = self._clock()
      self._close_bar()

  def _close_bar(self) -> None:
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def progress(
    self,
    *,
    steps: int,
    num_steps: int,
    loss: float | None = None,
    accuracy: float | None = None,
    examples_per_second: float | None = None,
    staleness: float | None = None,
    phase: str = '',
  ) -> None:
    """Shows the progress of the training.

    Args:
      steps: Minibatches applied so far.
      num_steps: Minibatches in all.
      loss: Training loss; None: not known, as for the rest.
      accuracy: Hold-out accuracy of the last evaluation.
      examples_per_second: Throughput of all replicas together.
      staleness: Mean staleness of the latest pushes.
      phase: Current phase, e.g. 'warm start'.
    """
    numbers = {
      'loss': loss,
      'accuracy': accuracy,
      'examples_per_second': examples_per_second,
      'staleness': staleness,
    }
    with self._lock:
      self._end_preparing()
      if self._terminal:
        self._draw(int(steps), int(num_steps), phase, numbers)
        return
      parts = [f'{steps:.0f}/{num_steps:.0f} steps', *_write(numbers, wide=True)]
      if phase:
        parts.insert(0, phase)
      self._line = f'{self._clock() - self._start:.0f} s: {", ".join(parts)}'
      if self._clock() >= self._next_line or steps == num_steps:
        self._flush_line()

  def message(self, text: str) -> None:
    """Shows text above the bar, or as lines among the plain ones."""
    with self._lock:
      if self._bar is not None:
        self._bar.clear()
      print(text, file=self._stream, flush=True)
      if self._bar is not None:
        self._bar.refresh()

  def close(self) -> None:
    """Leaves the last state of the progress on the screen."""
    with self._lock:
      self._end_preparing()
      self._close_bar()
      self._flush_line()

  def _flush_line(self) -> None:
    if self._line:
      self.message(self._line)
      self._line = ''
      self._next_line = self._clock() + _PLAIN_SECONDS

  def _draw(
    self, steps: int, num_steps: int, phase: str, numbers: dict[str, float | None]
  ) -> None:
    wide = os.get_terminal_size(self._stream.fileno()).columns >= _WIDE
    separator = ', ' if wide else ' '
    bar_format = (
      f'{phase + " " if phase else ""}{{percentage:.0f}}%|{{bar}}| '
      f'{{n_fmt}}/{{total_fmt}}{" steps" if wide else ""} '
      f'{{elapsed}}<{{remaining}} {separator.join(_write(numbers, wide=wide))}'
    )
    if self._bar is None:
      self._bar = tqdm.tqdm(
        total=num_steps,
        initial=steps,
        bar_format=bar_format,
        file=self._stream,
        dynamic_ncols=True,
      )
    self._bar.bar_format = bar_format
    self._bar.n = steps
    self._bar.refresh()


def _write(numbers: dict[str, float | None], *, wide: bool) -> list[str]:
  """Returns the known numbers as text."""
  return [
    _NUMBERS[name][0 if wide else 1].format(value)
    for name, value in numbers.items()
    if value is not None
  ]
