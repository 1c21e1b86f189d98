"""Runs of an experiment: a config file with some fields changed, trained once."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import ml_collections

from distbelief import run

Measured = TypeVar('Measured')


def load(path: str | Path, changes: Mapping[str, Any]) -> ml_collections.ConfigDict:
  """Returns the config of a file, with some fields changed.

  Args:
    path: Of a config file.
    changes: Values by dotted name.
  """
  config = runpy.run_path(str(path))['get_config']()
  config.update_from_flattened_dict(dict(changes))
  return config


def finish(
  path: str | Path, workdir: str | Path, changes: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns the summary of a run; trains, or goes on, if it is not finished."""
  return run.train(load(path, changes), workdir)


def repeat(
  config: str | Path,
  cases: Mapping[str, Mapping[str, Any]],
  measure: Callable[[Path, dict[str, Any]], Measured],
  workdir: Path,
  repetitions: int,
  *,
  say: Callable[[str], None] = print,
  num_steps: int | None = None,
) -> list[dict[str, Measured]]:
  """Runs all cases one after the other, and again; finished ones are not repeated.

  Args:
    config: Of a config file.
    cases: What each changes of it, by name.
    measure: Of a run's directory and its summary; what is returned of it.
    workdir: Where the runs go.
    repetitions: How often.
    say: Shows a line.
    num_steps: Other than the config's, for cases that have not their own.

  Returns:
    Per repetition what was measured, by case.
  """
  found: list[dict[str, Measured]] = []
  for index in range(repetitions):
    found.append({})
    for case, fields in cases.items():
      folder = workdir / f'{index}' / case.replace(', ', '-').replace(' ', '_')
      say(f'repetition {index}: {case}')
      length = {} if num_steps is None else {'num_steps': num_steps}
      summary = finish(config, folder, {**length, **fields})
      found[-1][case] = measure(folder, summary)
  return found
