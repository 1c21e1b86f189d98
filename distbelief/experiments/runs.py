"""Runs of an experiment: a config file with some fields changed, trained once."""

from __future__ import annotations

import concurrent.futures
import functools
import runpy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ml_collections

from distbelief import config as config_lib
from distbelief import errors, run

Item = TypeVar('Item')
Measured = TypeVar('Measured')


def load(
  config: str | Path | ml_collections.ConfigDict, changes: Mapping[str, Any]
) -> ml_collections.ConfigDict:
  """Returns a config with some fields changed.

  Args:
    config: Config, which stays as it is, or path of a config file.
    changes: Values by dotted name.
  """
  if isinstance(config, ml_collections.ConfigDict):
    config = config.copy_and_resolve_references()
  else:
    config = runpy.run_path(str(config))['get_config']()
  config.update_from_flattened_dict(dict(changes))
  return config


def finish(
  config: str | Path | ml_collections.ConfigDict,
  workdir: str | Path,
  changes: Mapping[str, Any],
  clock: str = 'cluster',
) -> dict[str, Any]:
  """Returns the summary of a run; trains or resumes it if it is not finished.

  Args:
    config: Config, or path of a config file.
    workdir: Directory of the run.
    changes: Values of other fields by dotted name.
    clock: Clock backend.

  Raises:
    errors.UserError: If the directory holds a run of another config.
    errors.FailedRunError: If the training fails; the reason is on standard error.
  """
  config = load(config, changes)
  refuse_another(config, Path(workdir))
  try:
    return run.train(config, workdir, clock=clock)
  except RuntimeError as error:
    raise errors.FailedRunError(
      f'{error}: the reason is above; what is finished is not repeated'
    ) from error


def refuse_another(config: ml_collections.ConfigDict, folder: Path) -> None:
  """Raises errors.UserError if the directory holds a run of another config."""
  path = folder / 'config.json'
  if not path.exists():
    return
  found = config_lib.from_json(path.read_text())
  names = [
    field.name
    for field in config_lib.FIELDS
    if _value(found, field.name) != _value(config, field.name)
  ]
  if names:
    raise errors.UserError(
      f'{folder} holds a run with another {", ".join(names)}: choose another --workdir, '
      'or remove that directory'
    )


def _value(config: ml_collections.ConfigDict, name: str) -> Any:
  value = config
  for part in name.split('.'):
    value = value[part]
  return value


def folder_of(workdir: Path, case: str) -> Path:
  """Returns the directory of a case, whose name may have blanks and commas."""
  return workdir / case.replace(', ', '-').replace(' ', '_')


def repeat(
  config: str | Path,
  cases: Mapping[str, Mapping[str, Any]],
  measure: Callable[[Path, dict[str, Any]], Measured],
  workdir: Path,
  repetitions: int,
  *,
  say: Callable[[str], None] = print,
  num_steps: int | None = None,
  at_a_time: int = 1,
) -> list[dict[str, Measured]]:
  """Runs all cases one after the other, and again; finished ones are not repeated.

  Args:
    config: Path of a config file.
    cases: Changes to the config, by name of the case.
    measure: Function of a run's directory and its summary that returns the figures.
    workdir: Directory of the runs.
    repetitions: Number of repetitions.
    say: Function that shows a line.
    num_steps: Number of steps, if not the config's, for cases without one of their own.
    at_a_time: Number of cases that run side by side; they begin together, so that none of
      them trains while another one starts up. For runs that mostly sleep.

  Returns:
    Figures of each repetition, by case.
  """
  length = {} if num_steps is None else {'num_steps': num_steps}

  def run_case(index: int, case: str) -> Measured:
    folder = folder_of(workdir / f'{index}', case)
    say(f'repetition {index}: {case}')
    summary = finish(config, folder, {**length, **cases[case]})
    return measure(folder, summary)

  return [
    dict(
      zip(cases, in_groups(functools.partial(run_case, index), list(cases), at_a_time))
    )
    for index in range(repetitions)
  ]


def in_groups(
  call: Callable[[Item], Measured], items: Sequence[Item], at_a_time: int
) -> list[Measured]:
  """Returns what a function makes of each item, so many of which begin together.

  Args:
    call: Function of an item.
    items: Items.
    at_a_time: Number of items of a group; the next group begins when one has ended.
  """
  found: list[Measured] = []
  with concurrent.futures.ThreadPoolExecutor(at_a_time) as threads:
    for first in range(0, len(items), at_a_time):
      found += threads.map(call, items[first : first + at_a_time])
  return found
