"""Functions of the user's that a config names, as 'module:function'."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import zlib
from collections.abc import Callable
from typing import Any

from distbelief import errors

_importing: list[str] = []  # Modules of users, the innermost last.


def is_user_function(name: str) -> bool:
  """Returns whether a name in a config is that of a user's function."""
  return ':' in name


def load_function(field: str, name: str) -> Callable[..., Any]:
  """Returns the function of a name.

  Args:
    field: Field of the config, for messages, e.g. 'config.model.name'.
    name: Name of the function: 'module:function', with the module importable from here or
      from the installed packages, or 'path/to/file.py:function'.

  Raises:
    errors.ConfigError: If there is none.
  """
  module_name, _, function_name = name.rpartition(':')
  if module_name.endswith('.py') and not os.path.isfile(module_name):
    raise errors.ConfigError(
      field, name, f'names no file: there is no {module_name} in {os.getcwd()}'
    )
  try:
    module = _imported(module_name)
  except errors.UserError:
    raise
  except ModuleNotFoundError as error:
    remedy = f'write module:function or FILE.py:function, seen from {os.getcwd()}'
    if error.name not in module_name.split('.'):
      remedy = f'that is what {module_name} imports'
    raise errors.ConfigError(
      field, name, f'cannot be imported ({error}): {remedy}'
    ) from error
  except Exception as error:  # A module is a program: anything may be raised.
    raise errors.ConfigError(field, name, f'failed: {errors.one_line(error)}') from error
  found = getattr(module, function_name, None)
  if not callable(found):
    known = [n for n, f in vars(module).items() if inspect.isroutine(f)]
    close = difflib.get_close_matches(function_name, known, n=1)
    meant = f'; did you mean {module_name}:{close[0]}?' if close else ''
    raise errors.ConfigError(
      field, name, f'names no function: {module_name} has no {function_name!r}{meant}'
    )
  return found


def name_of(what: str, given: Callable[..., Any]) -> str:
  """Returns the name by which another process finds a function.

  Args:
    what: 'model' or 'data', for messages.
    given: Function to name.

  Raises:
    errors.UserError: If no other process could.
  """
  if isinstance(given, type) or not callable(given):
    kind = given if isinstance(given, type) else type(given)
    raise errors.UserError(
      f'{what} is a {kind.__name__}: hand over the function that makes it, or its name, '
      'module:function'
    )
  module = sys.modules.get(getattr(given, '__module__', ''))
  name = getattr(given, '__qualname__', repr(given))
  path = getattr(module, '__file__', None)
  is_file = path is not None and os.path.isfile(path)  # Else '<stdin>', or a notebook.
  if module is None or not is_file or getattr(module, name, None) is not given:
    raise errors.UserError(
      f'{what} ({name}) cannot be found by another process: let it be a function at the '
      'top level of a file, and import it from there (a notebook writes one by '
      '%%writefile mine.py)'
    )
  where = path if module.__name__ == '__main__' else module.__name__
  return f'{where}:{name}'


def python_path() -> str:
  """Returns the PYTHONPATH under which another process imports the same modules."""
  return os.pathsep.join(path or os.getcwd() for path in sys.path)


def refuse_while_importing(what: str) -> None:
  """Raises errors.UserError if a user's file is being imported for a function in it."""
  if _importing:
    raise errors.UserError(
      f'{what} was called while {_importing[-1]} was read for a function in it: put the '
      "call under if __name__ == '__main__':"
    )


def _imported(name: str) -> Any:
  _importing.append(name)
  try:
    if name.endswith('.py'):
      return _of_file(name)
    if os.getcwd() not in sys.path:  # A script has its own folder there instead.
      sys.path.append(os.getcwd())
    return importlib.import_module(name)
  finally:
    _importing.pop()


def _of_file(path: str) -> Any:
  name = os.path.splitext(os.path.basename(path))[0]
  folder = os.path.dirname(os.path.realpath(path))
  loaded = sys.modules.get(name)
  if loaded and os.path.realpath(getattr(loaded, '__file__', None) or '') == (
    os.path.realpath(path)
  ):
    return loaded
  if loaded or name in sys.stdlib_module_names:  # Other code imports that one.
    name = f'_own_{zlib.crc32(folder.encode()):08x}_{name}'
    if name in sys.modules:
      return sys.modules[name]
  if folder not in sys.path:  # As for a script; but last.
    sys.path.append(folder)
  spec = importlib.util.spec_from_file_location(name, path)
  if spec is None or spec.loader is None:
    raise ImportError(f'{path} is no file of Python code')
  module = importlib.util.module_from_spec(spec)
  sys.modules[name] = module
  try:
    spec.loader.exec_module(module)
  except BaseException:
    del sys.modules[name]
    raise
  return module
