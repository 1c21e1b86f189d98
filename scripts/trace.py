r"""Writes a run as a Chrome trace: python scripts/trace.py --run=DIR [--output=FILE].

Open it at https://ui.perfetto.dev or chrome://tracing: a row per replica (wait, fetch,
compute, push), a row per shard (the updates it applied), evaluations and checkpoints.
Any run will do, under way or killed as well.
"""

import sys
from pathlib import Path

from absl import app, flags

from distbelief import errors
from distbelief.analysis import trace
from distbelief.analysis.run import Run

_RUN = flags.DEFINE_string('run', None, 'A run: its directory.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'Default: trace.json.gz in the run.')
_START = flags.DEFINE_float('start', 0.0, 'From here: seconds since the first step.')
_END = flags.DEFINE_float('end', float('inf'), 'To here.')
_MOST = flags.DEFINE_integer(
  'most_events', trace.MOST_EVENTS, 'Where there are more, the trace is cut.', 1
)


def main(argv: list[str]) -> None:
  """Writes the trace."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]!r} is no flag: name the run by --run')
  try:
    run = Run(_RUN.value)
    made = trace.make(run, _START.value, _END.value, _MOST.value)
    path = Path(_OUTPUT.value or run.workdir / 'trace.json.gz')
    trace.write(made, path)
  except (errors.UserError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(errors.BAD_INPUT)
  for note in made.notes:
    print(note)
  print(f'{path}: {len(made.events)} events; open it at https://ui.perfetto.dev')


if __name__ == '__main__':
  app.run(main)
