r"""Shows finished runs side by side: python scripts/compare.py RUN [RUN ...].

A RUN is a run's directory, e.g. those of the quickstart: runs/quickstart-*/*
--output=FILE writes the table as JSON as well.
"""

import sys

from absl import app, flags

from distbelief import errors
from distbelief.experiments import comparison, results

_OUTPUT = flags.DEFINE_string('output', None, 'A JSON file to write the table to.')


def main(argv: list[str]) -> None:
  """Prints the table."""
  if len(argv) < 2:
    raise app.UsageError('name at least one run')
  try:
    rows = [comparison.row(path) for path in argv[1:]]
    print(comparison.table(rows))
    if _OUTPUT.value:
      shown = [row._asdict() for row in rows]
      trained = [row.pop('provenance') for row in shown]
      results.write(_OUTPUT.value, {'runs': shown}, trained)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(error.status)


if __name__ == '__main__':
  app.run(main)
