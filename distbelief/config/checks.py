"""Refuses an invalid config before anything has started."""

from __future__ import annotations

import difflib

import ml_collections

from distbelief import errors
from distbelief.config import derived
from distbelief.config.fields import BY_NAME, FIELDS
from distbelief.config.structure import flatten
from distbelief.declarations.config_field import Field

CLOCKS = ('cluster', 'virtual')

_KINDS = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a word',
  tuple: 'a tuple',
}


def suggestion(name: str) -> str:
  """Returns '; did you mean config.x?' for a misspelt field, or nothing."""
  names = {known.split('.')[-1]: known for known in BY_NAME} | {n: n for n in BY_NAME}
  close = difflib.get_close_matches(name.removeprefix('config.'), names, n=1)
  return f'; did you mean config.{names[close[0]]}?' if close else ''


def check_name(name: str) -> None:
  """Raises errors.ConfigError if `name` is no field."""
  if name not in BY_NAME:
    raise errors.ConfigError(
      f'config.{name}', None, f'is no field{suggestion(name)} (--print_config lists all)'
    )


def _type(field: Field) -> type:
  return field.default if isinstance(field.default, type) else type(field.default)


def must_be(name: str) -> str:
  """Returns the remedy for a value of the wrong type, e.g. 'must be a number'."""
  return f'must be {_KINDS[_type(BY_NAME[name])]}'


def check(config: ml_collections.ConfigDict, clock: str = 'cluster') -> None:
  """Raises errors.ConfigError for the first invalid field.

  Args:
    config: The whole config. Combinations of fields are checked as well; the counts of
      tasks must be those of the cluster, or left open for one on this machine.
    clock: Clock backend, one of CLOCKS.

  Raises:
    errors.UserError: If there is no such clock.
  """
  check_fields(config)
  if clock not in CLOCKS:
    raise errors.UserError(f'clock ({clock!r}) is unknown: choose {" or ".join(CLOCKS)}')
  _check_together(config, clock)
  if clock == 'cluster' and config.cluster.slowdown and not config.cluster.step_seconds:
    raise errors.ConfigError(
      'config.cluster.slowdown',
      config.cluster.slowdown,
      'does nothing without padding: set config.cluster.step_seconds, e.g. to 0.1',
    )


def check_fields(config: ml_collections.ConfigDict) -> None:
  """Raises errors.ConfigError for the first field that is invalid by itself."""
  values = flatten(config)
  for name in values:
    check_name(name)
  for field in FIELDS:
    if field.name not in values:
      raise errors.ConfigError(
        f'config.{field.name}',
        None,
        'is missing: start from distbelief.default_config()',
      )
    value = values[field.name]
    if value is None and isinstance(field.default, type):
      continue
    kind = _type(field)
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
      raise errors.ConfigError(f'config.{field.name}', value, must_be(field.name))
    remedy = field.check(value)
    if remedy:
      raise errors.ConfigError(f'config.{field.name}', value, remedy)


def _check_together(config: ml_collections.ConfigDict, clock: str) -> None:
  algorithm = derived.algorithm(config)
  if clock not in algorithm.trainers:
    clocks = ' or '.join(f'--clock={known}' for known in algorithm.trainers)
    raise errors.ConfigError(
      'config.algorithm',
      algorithm.name,
      f'cannot train under --clock={clock}: set {clocks or "another algorithm"}',
    )
  replicas = derived.num_replicas(config)
  slowdown = config.cluster.slowdown
  # One process is replica 0, on whatever machines the others would have had.
  if slowdown and len(slowdown) != replicas and not algorithm.single_process:
    raise errors.ConfigError(
      'config.cluster.slowdown',
      slowdown,
      f'must have one factor per replica: {replicas}, not {len(slowdown)}',
    )
  algorithm.check(config, clock)
  unit = derived.step_unit(config)
  if config.num_steps % unit.steps:
    below = config.num_steps // unit.steps * unit.steps
    above = below + unit.steps
    raise errors.ConfigError(
      'config.num_steps',
      config.num_steps,
      f'must be a multiple of {unit.meaning}: '
      + (f'{below} or {above}' if below else f'{above}'),
    )
