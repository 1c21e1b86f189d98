"""`distbelief report` and scripts/report.py."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from absl import flags

from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.command_line import parsing
from distbelief.command_line.program import files_named_by_the_user, program

_WORDS = '--runs=DIR1,DIR2,... [--output=FOLDER]'


@program
def main(argv: list[str]) -> int:
  """Writes report.html, which compares runs; returns an exit status.

  The page contains its pictures; beside it are the same pictures as PNG files, and each
  run's trace for ui.perfetto.dev. Runs may be under way or killed: the page lists what
  they lack.
  """
  values = flags.FlagValues()
  runs_flag = flags.DEFINE_list('runs', None, 'Directories of runs.', values)
  output = flags.DEFINE_string(
    'output', None, 'A folder; default: report, where the runs lie together.', values
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, '--runs=DIR1,DIR2 takes no spaces')
  paths = [path for path in dict.fromkeys(runs_flag.value or ()) if path]
  if not paths:
    raise errors.UserError(f'--runs names no run: {parsing.usage(argv, _WORDS)}')
  with files_named_by_the_user():
    runs = [Run(path) for path in paths]
    page = _write(runs, Path(output.value) if output.value else _beside(runs))
  print(f'{page}: open it in a browser')
  return errors.DONE


def _write(runs: list[Run], folder: Path) -> Path:
  try:
    from distbelief.experiments import report
  except ModuleNotFoundError as error:
    raise errors.UserError(
      f"{error.name} is missing: pip install -e '.[plots]'"
    ) from error
  return report.write(runs, folder)


def _beside(runs: list[Run]) -> Path:
  """Returns a folder in the runs' common parent directory."""
  above = Path(os.path.commonpath([run.workdir.resolve().parent for run in runs]))
  with contextlib.suppress(ValueError):  # It is elsewhere.
    above = above.relative_to(Path.cwd())
  return above / 'report'
