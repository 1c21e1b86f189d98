"""Data sets and networks that a config can name because a file here declares them.

Such a file has, at its top, the two lines

    NAME = 'mnist'
    ORIGIN = 'TensorFlow Datasets'

and a function `create`. The lines are read, not run: code that only needs the names, such
as the launcher, imports no TensorFlow for them.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple


class BuiltIn(NamedTuple):
  """One file that declares a name."""

  name: str
  origin: str  # Its origin, in a few words.
  module: str  # Full name of the file's module.

  def load(self) -> ModuleType:
    """Imports and returns the file's module."""
    return importlib.import_module(self.module)


def find(package: str, path: Iterable[str]) -> dict[str, BuiltIn]:
  """Returns the declarations in the files of a package, by name.

  Args:
    package: Full name of the package.
    path: Search path of the package (its __path__).
  """
  found = {}
  for file in (file for folder in path for file in Path(folder).glob('*.py')):
    constants = _constants(file.read_text())
    if {'NAME', 'ORIGIN'} <= constants.keys():
      module = f'{package}.{file.stem}'
      one = BuiltIn(constants['NAME'], constants['ORIGIN'], module)
      found[one.name] = one
  return dict(sorted(found.items()))


def listing(all_of_them: Iterable[BuiltIn]) -> str:
  """Returns names by origin, e.g. 'a, b (embedded); c (TensorFlow Datasets)'."""
  names: dict[str, list[str]] = {}
  for one in all_of_them:
    names.setdefault(one.origin, []).append(one.name)
  return '; '.join(f'{", ".join(own)} ({origin})' for origin, own in names.items())


def _constants(source: str) -> dict[str, str]:
  """Returns the texts that NAME and ORIGIN are set to at a file's top level."""
  lines = re.findall(r'^(NAME|ORIGIN) = (.+)$', source, re.MULTILINE)
  return {name: ast.literal_eval(value) for name, value in lines}
