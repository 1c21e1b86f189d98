r"""Compares runs on one page: python scripts/report.py --runs=DIR1,DIR2,...

Writes report.html, which holds its pictures, the same pictures as PNG files, and each
run's trace for ui.perfetto.dev. Runs that are under way or were killed will do as well:
the page says what they lack.
"""

import contextlib
import os
import sys
from pathlib import Path

from absl import app, flags

from distbelief import errors
from distbelief.analysis.run import Run

_RUNS = flags.DEFINE_list('runs', None, 'Directories of runs.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'A folder; default: report, where the runs lie together.'
)


def main(argv: list[str]) -> None:
  """Writes the report."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]!r} is no flag: --runs=DIR1,DIR2 takes no spaces')
  try:
    runs = [Run(path) for path in dict.fromkeys(_RUNS.value) if path]
    if not runs:
      raise app.UsageError('--runs names no run')
    page = _write(runs)
  except (errors.UserError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(errors.BAD_INPUT)
  print(f'{page}: open it in a browser')


def _write(runs: list[Run]) -> Path:
  try:
    from distbelief.experiments import report
  except ModuleNotFoundError as error:
    raise errors.UserError(
      f"{error.name} is missing: pip install -e '.[plots]'"
    ) from error
  if _OUTPUT.value:
    return report.write(runs, Path(_OUTPUT.value))
  above = Path(os.path.commonpath([run.workdir.resolve().parent for run in runs]))
  with contextlib.suppress(ValueError):  # It lies elsewhere.
    above = above.relative_to(Path.cwd())
  return report.write(runs, above / 'report')


if __name__ == '__main__':
  app.run(main)
