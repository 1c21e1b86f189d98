"""`distbelief trace` and scripts/trace.py."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from distbelief import errors
from distbelief.analysis import trace
from distbelief.analysis.run import Run
from distbelief.command_line import parsing
from distbelief.command_line.program import files_named_by_the_user, program

_WORDS = '--run=DIR [--output=FILE] [--start=SECONDS] [--end=SECONDS] [--most_events=N]'


@program
def main(argv: list[str]) -> int:
  """Writes a run as a Chrome trace; returns an exit status.

  It has a row per replica (wait, fetch, compute, push), a row per shard (the updates that
  it applied), evaluations and checkpoints. The run may be under way or killed.
  """
  values = flags.FlagValues()
  run_flag = flags.DEFINE_string('run', None, "A run's directory.", values)
  output = flags.DEFINE_string(
    'output', None, 'The file; default: trace.json.gz in the run.', values
  )
  start = flags.DEFINE_float(
    'start',
    0.0,
    'Start of the trace, in seconds since the first step.',
    flag_values=values,
  )
  end = flags.DEFINE_float(
    'end', float('inf'), 'End of the trace, likewise.', flag_values=values
  )
  most_events = flags.DEFINE_integer(
    'most_events',
    trace.MOST_EVENTS,
    'Number of events above which the trace is cut.',
    1,
    flag_values=values,
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, 'name the run by --run=DIR')
  workdir = parsing.required(run_flag, argv, _WORDS)
  with files_named_by_the_user():
    run = Run(workdir)
    made = trace.make(run, start.value, end.value, most_events.value)
    path = Path(output.value or run.workdir / 'trace.json.gz')
    trace.write(made, path)
  for note in made.notes:
    print(note)
  print(f'{path}: {len(made.events)} events; open it at https://ui.perfetto.dev')
  return errors.DONE
