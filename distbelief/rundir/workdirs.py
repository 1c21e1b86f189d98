"""Prepares a run's directory: it is new, holds the same run to resume, or is refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from pathlib import Path

import ml_collections

from distbelief import config as config_lib
from distbelief import errors
from distbelief.models import handed_over
from distbelief.telemetry import files


def prepare(
  config: ml_collections.ConfigDict, workdir: Path, clock: str = 'cluster'
) -> bool:
  """Creates the directory, or checks that it holds a run of the same config (contract 9).

  Args:
    config: Config, checked; written to config.json.
    workdir: Directory of the run; may not exist yet.
    clock: Clock backend of this launch.

  Returns:
    Whether the run in it is finished: it has config.num_steps steps or more.

  Raises:
    errors.UserError: If it cannot be written, or another run lives there.
  """
  path = workdir / 'config.json'
  config = handed_over.relative(config, workdir)
  bucket = re.match(r'(\w+):/', str(workdir))
  if bucket:
    raise errors.UserError(
      f'--workdir ({workdir}) is a {bucket[1]} address: let it be a directory, on a disk '
      'that all machines share'
    )
  if workdir.is_file():
    raise errors.UserError(f'--workdir ({workdir}) is a file: choose another one')
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else None
    begun = any(
      (workdir / name).exists() for name in ('checkpoints', 'steps', 'summary.json')
    )
  except OSError as error:
    raise errors.UserError(
      f'--workdir ({workdir}) cannot be used: {error.strerror}; choose another one'
    ) from error
  if begun and before is None:
    raise errors.UserError(
      f'--workdir ({workdir}) holds a run without its config.json; choose another one'
    )
  if before is not None:
    run = handed_over.relative(_parsed(before, workdir), workdir)
    if begun:  # Else no step was done with that config; it may have been a bad one.
      _refuse_other(run, config, workdir)
      _refuse_other_clock(clock, workdir)
  if is_finished(config, workdir):
    return True
  refuse_indivisible(config, _steps_done(workdir), workdir)
  try:
    files.write_whole(path, config_lib.to_json(config))
    (workdir / 'summary.json').unlink(missing_ok=True)  # It is of fewer steps.
  except OSError as error:
    raise errors.UserError(
      f'--workdir ({workdir}) cannot be written: {error.strerror}; choose another one'
    ) from error
  return False


def hold(workdir: Path) -> socket.socket:
  """Locks the directory against other launches on this machine while the result lives.

  A unix socket in the abstract namespace: no file, and gone with its process.

  Raises:
    errors.UserError: If a run is under way there.
  """
  name = hashlib.sha256(os.fsencode(workdir.resolve())).hexdigest()[:32]
  lock = socket.socket(socket.AF_UNIX)
  try:
    lock.bind(f'\0distbelief-workdir-{name}')
  except OSError as error:
    lock.close()
    raise errors.UserError(
      f'--workdir ({workdir}) is in use by a run that goes on: end it, or choose '
      'another one'
    ) from error
  return lock


def already_finished(config: ml_collections.ConfigDict, workdir: str) -> str:
  """Returns the message for a run that has no steps left to do."""
  return (
    f'{workdir} has all of its {config.num_steps} steps; to go on, raise '
    'config.num_steps; to start over, choose another --workdir'
  )


def refuse_indivisible(
  config: ml_collections.ConfigDict, steps_done: int, workdir: Path
) -> None:
  """Raises errors.ConfigError if so many replicas cannot go on from these steps."""
  replicas = config_lib.num_replicas(config)
  backups = config_lib.backup_workers(config)
  if steps_done % config_lib.step_unit(config).steps:
    less = f'less {backups} backup workers ' if backups else ''
    raise errors.ConfigError(
      'config.cluster.num_replicas',
      replicas,
      f'{less}does not divide the {steps_done} steps that the run in {workdir} has done: '
      'choose a number that does',
    )


def _parsed(text: bytes, workdir: Path) -> ml_collections.ConfigDict:
  try:
    return config_lib.from_json(text.decode())
  except (ValueError, TypeError, KeyError, AttributeError) as error:
    raise errors.UserError(
      f"--workdir ({workdir}) has a config.json that is no run's; choose another one"
    ) from error


def _refuse_other_clock(clock: str, workdir: Path) -> None:
  """Rejects another clock: times of two clocks in one run cannot be compared."""
  # Only now: NumPy would be a third of what the launcher imports.
  from distbelief.telemetry import records

  found = records.files(workdir)
  before = records.header(found[-1])['clock'] if found else clock
  if before != clock:
    raise errors.UserError(
      f'--clock ({clock}) is not that of the run in {workdir}: set --clock={before}, or '
      'choose another --workdir'
    )


def _refuse_other(
  before: ml_collections.ConfigDict, now: ml_collections.ConfigDict, workdir: Path
) -> None:
  name = config_lib.changed_field(before, now)
  if name:
    old, new = (config_lib.flatten(c).get(name) for c in (before, now))
    raise errors.ConfigError(
      f'config.{name}',
      new,
      f'differs from the run in {workdir} ({old!r}): set it back, or choose another '
      '--workdir',
    )


def is_finished(config: ml_collections.ConfigDict, workdir: Path) -> bool:
  """Returns whether the run there has config.num_steps steps or more."""
  return _steps_done(workdir) >= config.num_steps


def _steps_done(workdir: Path) -> int:
  try:
    return int(json.loads((workdir / 'summary.json').read_text())['steps'])
  except (OSError, ValueError, TypeError, KeyError):
    return 0
