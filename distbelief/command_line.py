"""The flags of scripts/train.py, and its errors in one line each."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import ml_collections
from absl import flags, logging
from ml_collections import config_flags

from distbelief import config as config_lib
from distbelief import errors, run

_USAGE = (
  'python scripts/train.py --config=configs/quickstart.py --workdir=DIR '
  '[--config.FIELD=VALUE ...] [--print_config]'
)


def train(argv: list[str]) -> int:
  """Is scripts/train.py; returns its exit status."""
  values = flags.FlagValues()
  config_flag = config_flags.DEFINE_config_file(
    'config', None, 'A file whose get_config() returns the config.', flag_values=values
  )
  workdir_flag = flags.DEFINE_string(
    'workdir', None, "The run's directory; the same run there is resumed.", values
  )
  flags.DEFINE_enum(
    'clock', 'cluster', ['cluster'], 'What turns the crank: real processes.', values
  )
  print_flag = flags.DEFINE_bool(
    'print_config',
    False,
    'Print every field with its value and meaning, and end.',
    values,
  )
  help_flag = flags.DEFINE_bool('help', False, 'Show this.', values, short_name='h')
  try:
    words = _parse(values, argv)
    if help_flag.value:
      print(f'usage: {_USAGE}\n{values.main_module_help() or values.get_help()}')
      return errors.DONE
    if words:
      raise errors.UserError(
        f'{words[0]!r} is not understood: fields are set by --config.FIELD=VALUE'
      )
    path, config = _config_path(argv), config_flag.value
    if not path:
      raise errors.UserError(f'--config is missing: {_USAGE}')
    if not isinstance(config, ml_collections.ConfigDict):
      raise errors.UserError(
        f'--config ({path}): get_config() returns no ConfigDict: let it return what '
        'distbelief.default_config() gave it'
      )
    if print_flag.value:
      config_lib.check(config)
      print(config_lib.describe(config))
      return errors.DONE
    if not workdir_flag.value:
      raise errors.UserError(f'--workdir is missing: {_USAGE}')
    return run.launch(config, workdir_flag.value, _tf_config(os.environ))
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return error.status


def _parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
  """Parses the flags; returns words that are none. Any failure is one line."""
  path = _config_path(argv)
  if path and not os.path.isfile(path.split(':')[0]):
    raise errors.UserError(f'--config ({path}) is no file: name one of configs/*.py')
  for word in argv[1:]:
    name = word.lstrip('-').split('=')[0].removeprefix('no')
    if word.startswith('--') and name.startswith('config.'):
      config_lib.check_name(name.removeprefix('config.'))
  logging.set_verbosity(logging.ERROR)  # What ml_collections warns of, we refuse.
  try:
    return values(argv)[1:]
  except flags.Error as error:
    raise _flag_error(error, path) from error
  except Exception as error:  # A config file is a program: anything may be raised.
    raise errors.UserError(f'--config ({path}) failed: {_reason(error)}') from error


def _config_path(argv: list[str]) -> str:
  for word, following in zip(argv, [*argv[1:], '']):
    if word.startswith('--config='):
      return word.removeprefix('--config=')
    if word == '--config':
      return following
  return ''


def _flag_error(error: flags.Error, path: str) -> errors.UserError:
  lines = str(error).strip().splitlines()
  if lines[0].endswith('Error whilst parsing config file:'):  # A traceback follows.
    return errors.UserError(f'--config ({path}) failed: {lines[-1]}')
  field = re.match(r'flag --config\.([\w.]+)=(.*?): ', lines[0])
  if field:
    name, value = field.groups()
    return errors.ConfigError(f'config.{name}', value, config_lib.must_be(name))
  return errors.UserError(lines[0])


def _reason(error: Exception) -> str:
  misspelt = re.search(r'Key "([^"]*)" does not exist', str(error))
  if misspelt:
    name = misspelt.group(1)
    return f'{name!r} is no field{config_lib.suggestion(name)}'
  return ': '.join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _tf_config(environ: Mapping[str, str]) -> dict[str, Any] | None:
  text = environ.get('TF_CONFIG')
  if not text:
    return None
  try:
    parsed = json.loads(text)
  except ValueError as error:
    raise errors.UserError(
      f'TF_CONFIG is no JSON ({error}): unset it or mend it'
    ) from None
  if not isinstance(parsed, dict):
    raise errors.UserError('TF_CONFIG is no JSON object: unset it or mend it')
  return parsed
