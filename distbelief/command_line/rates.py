"""`distbelief rates` and scripts/rates.py."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from distbelief import errors
from distbelief.algorithms import catalog
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import rates, results

_WORDS = (
  '--config=configs/quickstart.py --workdir=DIR --output=FILE.json '
  '[--algorithm=NAME ...] [--rate=RATE ...] [--seed=SEED ...]'
)


@program
def main(argv: list[str]) -> int:
  """Trains a config by each algorithm at several rates; returns an exit status.

  Best is the largest mean hold-out accuracy at the end. Finished runs are not repeated.
  """
  values = flags.FlagValues()
  config = flags.DEFINE_string('config', None, 'The config file.', values)
  workdir = flags.DEFINE_string('workdir', None, 'The directory of the runs.', values)
  output = flags.DEFINE_string('output', None, 'The JSON file to write.', values)
  algorithms = flags.DEFINE_multi_enum(
    'algorithm',
    ['downpour', 'synchronous'],
    list(catalog.names()),
    'An algorithm to try; may be repeated, like --rate and --seed.',
    flag_values=values,
  )
  tried = flags.DEFINE_multi_float(
    'rate', list(rates.RATES), 'A learning rate to try.', flag_values=values
  )
  seeds = flags.DEFINE_multi_integer(
    'seed', [0], 'A seed to try each algorithm and rate with.', flag_values=values
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, 'see --help')
  path, folder, file = (
    parsing.required(flag, argv, _WORDS) for flag in (config, workdir, output)
  )
  if not Path(path).is_file():
    raise errors.UserError(f'--config ({path}) is no file: name one of configs/*.py')
  found, trained = rates.grid(
    path, Path(folder), algorithms.value, tried.value, seeds.value, print
  )
  results.write(file, {'config': path, 'algorithms': found}, trained)
  print(rates.best(found))
  return errors.DONE
