"""`distbelief reproduce` and scripts/reproduce.py."""

from __future__ import annotations

import shlex
from pathlib import Path

from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import catalog, claims_table, experiment

_WORDS = (
  '--experiment=NAME [--quick] [--workdir=DIR] [--output=FILE.json] '
  '[--option=NAME=VALUE ...], or --list'
)


@program
def main(argv: list[str]) -> int:
  """Runs an experiment and writes its result; returns an exit status.

  Runs that are finished in the workdir are not repeated.
  """
  values = flags.FlagValues()
  name = flags.DEFINE_string(
    'experiment', None, 'The name of an experiment, see --list.', values
  )
  is_list = flags.DEFINE_bool(
    'list', False, 'Show the experiments (or the one named, with its options).', values
  )
  quick = flags.DEFINE_bool(
    'quick', False, 'Run a small version, which proves nothing but that it runs.', values
  )
  workdir = flags.DEFINE_string(
    'workdir',
    None,
    'The directory of the runs (--quick: quick/ in it); default: runs/NAME.',
    values,
  )
  output = flags.DEFINE_string(
    'output',
    None,
    'The JSON file to write; default: in paper_results, or in the workdir if --quick.',
    values,
  )
  options = flags.DEFINE_multi_string(
    'option', [], "One of the experiment's options, NAME=VALUE.", flag_values=values
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, 'name the experiment by --experiment=NAME')
  if is_list.value:
    print(_describe(name.value))
    return errors.DONE
  if not name.value:
    raise errors.UserError(
      f'--experiment is missing: name one of {", ".join(catalog.names())}'
    )
  chosen = catalog.load(name.value)
  given = experiment.parse_options(chosen, options.value)
  folder = Path(workdir.value or Path('runs') / (chosen.shares or chosen.name))
  file = Path(chosen.output)
  if quick.value:  # Apart from the runs of the full version.
    given = {**chosen.quick, **given}
    folder = folder / 'quick'
    file = folder / f'{chosen.name}.json'
  file = Path(output.value or file)
  quickly = ['--quick'] * quick.value
  again = [
    f'--experiment={name.value}',
    *quickly,
    *(f'--option={o}' for o in options.value),
  ]
  command = shlex.join(['distbelief', 'reproduce', *again])
  print(experiment.reproduce(chosen, folder, file, given, command))
  claims_table.write(file.resolve().parents[1])
  print(f'{file}: the result')
  return errors.DONE


def _describe(name: str | None) -> str:
  """Returns the table of all experiments, or of one with its options."""
  if not name:
    return experiment.table([catalog.load(name) for name in catalog.names()])
  chosen = catalog.load(name)
  options = [f'  {key} = {value!r}' for key, value in chosen.options().items()]
  return '\n'.join([experiment.table([chosen]), '', 'options:', *options])
