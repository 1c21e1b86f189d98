"""The entry point of all programs: one line for a user's error, and an exit status."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Protocol

from distbelief import errors

_BROKEN_PIPE = 128 + signal.SIGPIPE  # As of a program that the signal ends.


class Program(Protocol):
  """An entry point."""

  def __call__(self, argv: list[str] | None = None) -> int:
    """Runs with these words, by default sys.argv; returns an exit status."""


def program(main: Callable[[list[str]], int]) -> Program:
  """Makes an entry point: a user's error becomes one line on standard error.

  Args:
    main: Function of the program's words (its own name first) that returns an exit status
      and may raise errors.UserError.

  Returns:
    The entry point, with sys.argv as the default; it returns an error's status.
  """

  @functools.wraps(main)
  def run(argv: list[str] | None = None) -> int:
    try:
      status = main(sys.argv if argv is None else argv)
      sys.stdout.flush()
      return status
    except errors.UserError as error:
      print(f'error: {error}', file=sys.stderr)
      return error.status
    except BrokenPipeError:  # The reader has seen enough, as in `... | head`.
      # Python would complain once more when it flushes standard output at its end.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      return _BROKEN_PIPE

  return run


@contextlib.contextmanager
def files_named_by_the_user() -> Iterator[None]:
  """Turns the system's errors on files into a user's error: flags name all files."""
  try:
    yield
  except OSError as error:
    raise errors.UserError(str(error)) from error


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
  """Keeps TensorFlow's log messages from the screen, unless an unexpected error occurs.

  Native code writes them, some of them whatever TF_CPP_MIN_LOG_LEVEL is.
  """
  with tempfile.TemporaryFile() as kept, os.fdopen(os.dup(2), 'wb') as screen:
    sys.stderr.flush()
    os.dup2(kept.fileno(), 2)
    unexpected = True
    try:
      yield
      unexpected = False
    except errors.UserError:
      unexpected = False
      raise
    finally:
      sys.stderr.flush()
      os.dup2(screen.fileno(), 2)
      if unexpected:
        kept.seek(0)
        screen.write(kept.read())
