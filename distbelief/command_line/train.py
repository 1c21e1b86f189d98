"""`distbelief train` and scripts/train.py.

Neither this module nor any that it imports may import TensorFlow: the processes that
train are started from here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from absl import flags

from distbelief import config as config_lib
from distbelief import errors, run
from distbelief.command_line import config_file, parsing
from distbelief.command_line.program import program

_WORDS = (
  '--config=configs/quickstart.py --workdir=DIR [--config.FIELD=VALUE ...] '
  '[--clock=virtual] [--print_config]'
)


@program
def main(argv: list[str]) -> int:
  """Trains as a config says; returns an exit status."""
  values = flags.FlagValues()
  workdir_flag = flags.DEFINE_string(
    'workdir', None, "The run's directory; the same run there is resumed.", values
  )
  clock_flag = flags.DEFINE_enum(
    'clock',
    'cluster',
    config_lib.CLOCKS,
    'The clock backend: real processes, or simulated time in this one.',
    values,
  )
  print_flag = flags.DEFINE_bool(
    'print_config',
    False,
    'Print every field with its value and meaning, and end.',
    values,
  )
  config = config_file.parse(values, argv, _WORDS)
  if config is None:
    return errors.DONE
  if print_flag.value:
    config_lib.check(config, clock_flag.value)
    print(config_lib.describe(config))
    return errors.DONE
  workdir = parsing.required(workdir_flag, argv, _WORDS)
  return run.launch(config, workdir, _tf_config(os.environ), clock=clock_flag.value)


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
