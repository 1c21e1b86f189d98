"""`distbelief rates` and scripts/rates.py."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from distbelief import config as config_lib
from distbelief import errors
from distbelief.algorithms import catalog
from distbelief.command_line import config_file, parsing
from distbelief.command_line.program import program
from distbelief.experiments import rates, results, runs

_WORDS = (
  '--config=configs/quickstart.py --workdir=DIR [--config.FIELD=VALUE ...] '
  '[--clock=virtual] [--algorithm=NAME ...] [--rate=RATE ...] [--seed=SEED ...] '
  '[--output=FILE.json]'
)


@program
def main(argv: list[str]) -> int:
  """Trains a config by each algorithm at several rates; returns an exit status.

  Best is the largest mean hold-out accuracy at the end (the smallest loss, if there is no
  accuracy); it is shown as it is typed. Finished runs are not repeated.
  """
  values = flags.FlagValues()
  workdir = flags.DEFINE_string('workdir', None, 'The directory of the runs.', values)
  output = flags.DEFINE_string(
    'output', None, 'The JSON file to write; default: rates.json in the workdir.', values
  )
  clock = flags.DEFINE_enum(
    'clock',
    'cluster',
    config_lib.CLOCKS,
    'The clock backend: virtual takes no longer than the gradients do.',
    values,
  )
  algorithms = flags.DEFINE_multi_enum(
    'algorithm',
    None,
    list(catalog.names()),
    'An algorithm to try; may be repeated, like --rate and --seed; default: that of the '
    'config.',
    flag_values=values,
  )
  tried = flags.DEFINE_multi_float(
    'rate', list(rates.RATES), 'A learning rate to try.', flag_values=values
  )
  seeds = flags.DEFINE_multi_integer(
    'seed',
    None,
    "A seed to try each algorithm and rate with; default: the config's.",
    flag_values=values,
  )
  config = config_file.parse(values, argv, _WORDS)
  if config is None:
    return errors.DONE
  folder = Path(parsing.required(workdir, argv, _WORDS))
  chosen = algorithms.value or [config.algorithm]
  for algorithm in chosen:  # All of them, before any has trained.
    config_lib.check(runs.load(config, {'algorithm': algorithm}), clock.value)
  found, trained = rates.grid(
    config,
    folder,
    chosen,
    tried.value,
    seeds.value or [config.seed],
    print,
    clock=clock.value,
  )
  file = Path(output.value or folder / 'rates.json')
  results.write(file, {'config': config.to_dict(), 'algorithms': found}, trained)
  print(f'{file}: the result')
  print(rates.best(found))
  return errors.DONE
