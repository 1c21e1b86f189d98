"""All experiments: one file, one experiment, declared as EXPERIMENT.

To add one, add a file whose EXPERIMENT has the file's name; `distbelief reproduce --list`
shows it. No file may import TensorFlow before its experiment runs.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from distbelief import errors
from distbelief.experiments.experiment import Experiment


def names() -> tuple[str, ...]:
  """Returns the names of all experiments, without importing any."""
  return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Experiment:
  """Returns the experiment of a name.

  Raises:
    errors.UserError: If there is none.
  """
  if name not in names():
    close = difflib.get_close_matches(name, names(), n=1)
    meant = f'did you mean {close[0]}?' if close else f'choose of {", ".join(names())}'
    raise errors.UserError(f'--experiment ({name}) is no experiment: {meant}')
  return importlib.import_module(f'{__name__}.{name}').EXPERIMENT
