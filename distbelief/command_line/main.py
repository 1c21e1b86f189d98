"""The console command `distbelief`: runs the command that its first word names.

A command's module is imported only when it is named, so that each starts quickly.
"""

from __future__ import annotations

import difflib
import importlib
import sys

import distbelief
from distbelief import errors
from distbelief.command_line.program import program

COMMANDS = {
  'train': 'Train as a config says: a cluster of processes, or simulated time.',
  'evaluate': "Score a saved model on a config's hold-out data.",
  'compare': 'Show finished runs side by side in a table.',
  'report': 'Compare runs on one HTML page, in numbers and pictures.',
  'trace': 'Write a run as a Chrome trace, for ui.perfetto.dev.',
  'replay': 'Recompute a run from its records, and check that every record fits.',
  'rates': "Find each algorithm's best learning rate on a grid.",
  'reproduce': 'Run an experiment again, and write its result (--list shows all).',
}


@program
def main(argv: list[str]) -> int:
  """Runs `distbelief COMMAND ...`.

  Args:
    argv: Program name and its words.

  Returns:
    Exit status, see errors.py.
  """
  words = argv[1:]
  if not words or words[0] in ('--help', '-h', 'help'):
    print(usage())
    return errors.DONE if words else errors.BAD_INPUT
  if words[0] == '--version':
    print(f'distbelief {distbelief.__version__}')
    return errors.DONE
  name = words[0]
  if name not in COMMANDS:
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    meant = f'did you mean {close[0]}?' if close else f'choose of {", ".join(COMMANDS)}'
    raise errors.UserError(f'{name!r} is no command: {meant}')
  # The command that a run records, and in which ml_collections looks for flags: it can be
  # repeated on any machine, whichever file was the program.
  sys.argv = ['distbelief', *words]
  command = importlib.import_module(f'{__package__}.{name}')
  return command.main([f'distbelief {name}', *words[1:]])


def usage() -> str:
  """Returns what `distbelief --help` shows."""
  width = max(map(len, COMMANDS))
  return '\n'.join(
    [
      'usage: distbelief COMMAND [--FLAG=VALUE ...]',
      '',
      *(f'  {name:{width}}  {summary}' for name, summary in COMMANDS.items()),
      '',
      "`distbelief COMMAND --help` lists a command's flags, `distbelief --version` says",
      'which version this is.',
    ]
  )
