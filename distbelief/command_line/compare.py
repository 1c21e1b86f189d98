"""`distbelief compare` and scripts/compare.py."""

from __future__ import annotations

from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import comparison, results

_WORDS = 'RUN [RUN ...] [--output=FILE.json]'


@program
def main(argv: list[str]) -> int:
  """Prints finished runs as a table, one line per run; returns an exit status."""
  values = flags.FlagValues()
  output = flags.DEFINE_string(
    'output', None, 'A JSON file to write the table to as well.', values
  )
  paths = parsing.parse(values, argv, _WORDS)
  if paths is None:
    return errors.DONE
  if not paths:
    raise errors.UserError(f'name at least one run: {parsing.usage(argv, _WORDS)}')
  rows = [comparison.row(path) for path in paths]
  print(comparison.table(rows))
  if output.value:
    shown = [row._asdict() for row in rows]
    trained = [row.pop('provenance') for row in shown]
    results.write(output.value, {'runs': shown}, trained)
  return errors.DONE
