"""What all programs have in common: one line for a user's error, and an exit status."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Protocol

from distbelief import errors


class Program(Protocol):
  """An entry point."""

  def __call__(self, argv: list[str] | None = None) -> int:
    """Runs with these words, or the process' own; returns an exit status."""


def program(main: Callable[[list[str]], int]) -> Program:
  """Makes an entry point: a user's error becomes one line on standard error.

  Args:
    main: A function of the program's words (its own name first) that returns an exit
      status and may raise errors.UserError.

  Returns:
    The same with the process' words as a default, which returns the error's status.
  """

  @functools.wraps(main)
  def run(argv: list[str] | None = None) -> int:
    try:
      return main(sys.argv if argv is None else argv)
    except errors.UserError as error:
      print(f'error: {error}', file=sys.stderr)
      return error.status

  return run


@contextlib.contextmanager
def files_named_by_the_user() -> Iterator[None]:
  """Turns what the system says of files into a user's error: all were named by flags."""
  try:
    yield
  except OSError as error:
    raise errors.UserError(str(error)) from error


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
  """Keeps TensorFlow's remarks from the screen, unless something unexpected happens.

  It makes them in native code, some of them whatever TF_CPP_MIN_LOG_LEVEL says.
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
