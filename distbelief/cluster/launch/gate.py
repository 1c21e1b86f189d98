"""A gate for forked processes: they connect to each other while the preflight runs."""

from __future__ import annotations

import os
import select


class Gate:
  """Closed until one process opens it, for all that inherited it by a fork."""

  def __init__(self) -> None:
    """Creates the pipe behind it."""
    self._reading, self._writing = os.pipe()

  def open(self) -> None:
    """Lets everybody pass, now and later: a task may be started again."""
    os.write(self._writing, b'.')

  def wait(self) -> None:
    """Returns once it is open."""
    select.select([self._reading], [], [])  # The byte stays there for the others.
