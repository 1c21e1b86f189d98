"""Imports in a process that is then forked: once for all tasks, and quickly."""

from __future__ import annotations

import contextlib
import gc
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def resolve(names: Iterable[str]) -> list[Any]:
  """Imports modules, or what they define, for this process and all that it forks.

  The collector of garbage rests meanwhile: a quarter of the time that TensorFlow takes
  to import goes to its search among objects that all stay. Afterwards it never looks at
  them again, so the forked processes trace faster, and go on sharing their memory.

  Args:
    names: Names of modules, or 'module:name'.
  """
  with _without_matplotlib():
    gc.disable()
    try:
      return [pkgutil.resolve_name(name) for name in names]
    finally:
      gc.freeze()
      gc.enable()


@contextlib.contextmanager
def _without_matplotlib() -> Iterator[None]:
  """Keeps Keras from importing matplotlib with itself, for plots that no task draws.

  It would be a sixth of the time that TensorFlow takes to import. Afterwards anybody may
  import it.
  """
  name = 'matplotlib'
  if name in sys.modules:
    yield
    return
  sys.modules[name] = None  # type: ignore[assignment]  # As the import system has it.
  try:
    yield
  finally:
    del sys.modules[name]
