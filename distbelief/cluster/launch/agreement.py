"""Checks that tasks started by hand have the same config and packages, before they run.

Each writes its values into the run's directory before its port answers; those that wait
for the others then compare. So a directory that is not shared is noticed as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import config as config_lib
from distbelief import errors
from distbelief.cluster.launch.tf_config import TaskSpec
from distbelief.telemetry import files, provenance

# Fields that may differ from machine to machine.
_OWN = ('cluster.device', 'cluster.start_timeout')

_PATIENCE_SECONDS = 15.0  # For a shared disk to show the files of another machine.


def announce(workdir: Path, task: TaskSpec, config: ml_collections.ConfigDict) -> None:
  """Writes a task's config, package versions and addresses to workdir/tasks.

  Raises:
    errors.UserError: If it cannot be written.
  """
  fields = config_lib.flatten(config)
  if not task.is_whole:  # It does not know the counts of tasks.
    del fields['cluster.num_replicas'], fields['cluster.num_parameter_servers']
  has = {
    'config': {name: value for name, value in fields.items() if name not in _OWN},
    'package': provenance.versions(),
    'address of': {
      f'{job} {index}': address
      for job, addresses in task.cluster.items()
      for index, address in addresses.items()
    },
  }
  path = _path(workdir, task.job, task.index)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(path, json.dumps(has))
  except OSError as error:
    raise errors.UserError(
      f'--workdir ({workdir}) cannot be written: {error.strerror}; it must be on a disk '
      'that all machines share'
    ) from error


def check(
  workdir: Path,
  task: TaskSpec,
  jobs: Sequence[str],
  patience: float = _PATIENCE_SECONDS,
) -> None:
  """Returns when all other tasks of these jobs, which answer by now, announce the same.

  Raises:
    errors.UserError: Names the first difference.
  """
  try:
    mine = json.loads(_path(workdir, task.job, task.index).read_text())
  except OSError as error:
    raise errors.UserError(
      f'--workdir ({workdir}) cannot be read: {error.strerror}; it must be on a disk '
      'that all machines share'
    ) from error
  deadline = time.monotonic() + patience
  for job in jobs:
    for index in task.cluster[job]:
      while problem := _problem(workdir, mine, f'{task.job} {task.index}', job, index):
        if time.monotonic() > deadline:
          raise errors.UserError(problem)
        time.sleep(0.1)


def _path(workdir: Path, job: str, index: int) -> Path:
  return workdir / 'tasks' / f'{job}-{index}.json'


def _problem(
  workdir: Path, mine: Mapping[str, Any], me: str, job: str, index: int
) -> str | None:
  other = f'{job} {index}'
  try:
    theirs = json.loads(_path(workdir, job, index).read_text())
  except OSError:
    return (
      f'{other} answers, but has left nothing in {workdir / "tasks"}: --workdir must be '
      'on a disk that all machines share'
    )
  for kind, own in mine.items():
    for name, value in theirs[kind].items():
      if own.get(name, value) != value:
        field = f'config.{name}' if kind == 'config' else f'{kind} {name}'
        return (
          f'{field} is {own[name]!r} on {me}, and {value!r} on {other}: it must be the '
          'same on all machines'
        )
  return None
