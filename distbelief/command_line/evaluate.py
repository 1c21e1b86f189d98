"""`distbelief evaluate` and scripts/evaluate.py."""

from __future__ import annotations

import os

from absl import flags

from distbelief import config as config_lib
from distbelief import errors
from distbelief.command_line import config_file, parsing
from distbelief.command_line.program import program, without_chatter

_WORDS = (
  '--model=DIR/model.keras --config=configs/quickstart.py [--config.FIELD=VALUE ...]'
)


@program
def main(argv: list[str]) -> int:
  """Scores a saved model on a config's hold-out data; returns an exit status."""
  values = flags.FlagValues()
  model_flag = flags.DEFINE_string('model', None, 'A saved model, FILE.keras.', values)
  config = config_file.parse(values, argv, _WORDS)
  if config is None:
    return errors.DONE
  path = parsing.required(model_flag, argv, _WORDS)
  if not path.endswith(('.keras', '.weights.h5')) or not os.path.isfile(path):
    raise errors.UserError(
      f'--model ({path}) is no .keras file: name what a run leaves, DIR/model.keras'
    )
  config_lib.check_fields(config)
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  with without_chatter():
    from distbelief.problem import scoring

    line = scoring.holdout(config, path)
  print(line)
  return errors.DONE
