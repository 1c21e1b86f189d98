"""The flag --config=FILE with its --config.FIELD=VALUE, and errors of one line each."""

from __future__ import annotations

import os
import re

import ml_collections
from absl import flags, logging
from ml_collections import config_flags

from distbelief import config as config_lib
from distbelief import errors
from distbelief.command_line import parsing


def parse(
  values: flags.FlagValues, argv: list[str], words: str
) -> ml_collections.ConfigDict | None:
  """Parses a program's flags and --config among them.

  Args:
    values: Other flags of the program; they get their values.
    argv: Words of the command line.
    words: Flags that --help and errors show behind the program's name.

  Returns:
    The config; None if --help was given, and help shown.

  Raises:
    errors.UserError: If a flag or a field is invalid, or the file gives no config.
  """
  config_flag = config_flags.DEFINE_config_file(
    'config', None, 'A file whose get_config() returns the config.', flag_values=values
  )
  parsing.define_help(values)
  rest = _parse(values, argv)
  if parsing.show_help(values, argv, words):
    return None
  parsing.refuse_words(rest, 'fields are set by --config.FIELD=VALUE')
  path, config = _path(argv), config_flag.value
  if not path:
    raise errors.UserError(f'--config is missing: {parsing.usage(argv, words)}')
  if not isinstance(config, ml_collections.ConfigDict):
    raise errors.UserError(
      f'--config ({path}): get_config() returns no ConfigDict: let it return what '
      'distbelief.default_config() gave it'
    )
  return config


def _parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
  """Parses the flags; returns the other words. Any failure is one line."""
  path = _path(argv)
  if path and not os.path.isfile(path.split(':')[0]):
    raise errors.UserError(f'--config ({path}) is no file: name one of configs/*.py')
  for word in argv[1:]:
    name = word.lstrip('-').split('=')[0].removeprefix('no')
    if word.startswith('--') and name.startswith('config.'):
      config_lib.check_name(name.removeprefix('config.'))
  logging.set_verbosity(logging.ERROR)  # Its warnings are errors here.
  try:
    return values(argv)[1:]
  except flags.Error as error:
    raise _flag_error(error, path, values) from error
  except Exception as error:  # A config file is a program and may raise anything.
    raise errors.UserError(f'--config ({path}) failed: {_reason(error)}') from error


def _path(argv: list[str]) -> str:
  for word, following in zip(argv, [*argv[1:], '']):
    if word.startswith('--config='):
      return word.removeprefix('--config=')
    if word == '--config':
      return following
  return ''


def _flag_error(
  error: flags.Error, path: str, values: flags.FlagValues
) -> errors.UserError:
  lines = str(error).strip().splitlines()
  if lines[0].endswith('Error whilst parsing config file:'):  # A traceback follows.
    return errors.UserError(f'--config ({path}) failed: {lines[-1]}')
  field = re.match(r'flag --config\.([\w.]+)=(.*?): ', lines[0])
  if field:
    name, value = field.groups()
    return errors.ConfigError(f'config.{name}', value, config_lib.must_be(name))
  return parsing.flag_error(error, values)


def _reason(error: Exception) -> str:
  misspelt = re.search(r'Key "([^"]*)" does not exist', str(error))
  if misspelt:
    name = misspelt.group(1)
    return f'{name!r} is no field{config_lib.suggestion(name)}'
  return ': '.join([type(error).__name__, *str(error).strip().splitlines()[:1]])
