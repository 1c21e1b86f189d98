"""The flags of scripts/train.py and evaluate.py, and their errors in one line each."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
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


_USAGE_OF_EVALUATE = (
  'python scripts/evaluate.py --model=DIR/model.keras --config=configs/quickstart.py '
  '[--config.FIELD=VALUE ...]'
)


def train(argv: list[str]) -> int:
  """Is scripts/train.py; returns its exit status."""
  values = flags.FlagValues()
  workdir_flag = flags.DEFINE_string(
    'workdir', None, "The run's directory; the same run there is resumed.", values
  )
  clock_flag = flags.DEFINE_enum(
    'clock',
    'cluster',
    config_lib.CLOCKS,
    'What turns the crank: real processes, or simulated time in this one.',
    values,
  )
  print_flag = flags.DEFINE_bool(
    'print_config',
    False,
    'Print every field with its value and meaning, and end.',
    values,
  )
  try:
    config = _config(values, argv, _USAGE)
    if config is None:
      return errors.DONE
    if print_flag.value:
      config_lib.check(config, clock_flag.value)
      print(config_lib.describe(config))
      return errors.DONE
    if not workdir_flag.value:
      raise errors.UserError(f'--workdir is missing: {_USAGE}')
    return run.launch(
      config, workdir_flag.value, _tf_config(os.environ), clock=clock_flag.value
    )
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return error.status


def evaluate(argv: list[str]) -> int:
  """Is scripts/evaluate.py; returns its exit status."""
  values = flags.FlagValues()
  model_flag = flags.DEFINE_string('model', None, 'A saved model, FILE.keras.', values)
  try:
    config = _config(values, argv, _USAGE_OF_EVALUATE)
    if config is None:
      return errors.DONE
    path = model_flag.value
    if not path:
      raise errors.UserError(f'--model is missing: {_USAGE_OF_EVALUATE}')
    if not path.endswith('.keras') or not os.path.isfile(path):
      raise errors.UserError(
        f'--model ({path}) is no .keras file: name what a run leaves, DIR/model.keras'
      )
    config_lib.check_fields(config)
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    with without_chatter():
      from distbelief import scoring

      line = scoring.holdout(config, path)
    print(line)
    return errors.DONE
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return error.status


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
  """Keeps TensorFlow's remarks from the screen, unless something unexpected happens.

  It makes them in native code, some of them whatever TF_CPP_MIN_LOG_LEVEL says.
  """
  with tempfile.TemporaryFile() as kept, os.fdopen(os.dup(2), 'wb') as screen:
    sys.stderr.flush()
    os.dup2(kept.fileno(), 2)
    unexpected = True
    try:
      yield
      unexpected = False
    except errors.UserError:
      unexpected = False
      raise
    finally:
      sys.stderr.flush()
      os.dup2(screen.fileno(), 2)
      if unexpected:
        kept.seek(0)
        screen.write(kept.read())


def _config(
  values: flags.FlagValues, argv: list[str], usage: str
) -> ml_collections.ConfigDict | None:
  """Parses all flags, --config among them; None: help was asked for, and shown."""
  config_flag = config_flags.DEFINE_config_file(
    'config', None, 'A file whose get_config() returns the config.', flag_values=values
  )
  help_flag = flags.DEFINE_bool('help', False, 'Show this.', values, short_name='h')
  words = _parse(values, argv)
  if help_flag.value:
    print(f'usage: {usage}\n{values.main_module_help() or values.get_help()}')
    return None
  if words:
    raise errors.UserError(
      f'{words[0]!r} is not understood: fields are set by --config.FIELD=VALUE'
    )
  path, config = _config_path(argv), config_flag.value
  if not path:
    raise errors.UserError(f'--config is missing: {usage}')
  if not isinstance(config, ml_collections.ConfigDict):
    raise errors.UserError(
      f'--config ({path}): get_config() returns no ConfigDict: let it return what '
      'distbelief.default_config() gave it'
    )
  return config


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
