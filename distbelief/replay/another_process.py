"""Recomputes a launch in a process of its own, under the numerics of that launch.

TensorFlow takes its number of threads once, when it starts, and some settings when it is
loaded. A launch that had others than this process is computed by

    python -m distbelief.replay.another_process FILE

FILE has the pickled arguments of `Replay.play`, and gets its result.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from distbelief import errors, user_code
from distbelief.replay.recomputation import LaunchEnd, LaunchStart
from distbelief.replay.schedules import MisfitError
from distbelief.telemetry import provenance
from distbelief.telemetry.numerics import Numerics, relevant


def play(
  workdir: Path,
  launch: int,
  until: int | None,
  start: LaunchStart,
  keep: Collection[int],
  under: Numerics,
) -> LaunchEnd:
  """Returns `Replay(workdir).play(launch, until, start, keep)`, under numerics.

  Args:
    workdir: Directory of the run.
    launch: See `Replay.play`.
    until: Likewise.
    start: Likewise.
    keep: Likewise.
    under: Numerics of the launch.

  Raises:
    MisfitError: As there.
    RuntimeError: If the process fails; the reason is on standard error.
  """
  unset = relevant(provenance.settings()).keys() - under.environment.keys()
  environ = {name: v for name, v in os.environ.items() if name not in unset}
  with tempfile.NamedTemporaryFile() as file:
    file.write(pickle.dumps((workdir, launch, until, start, keep)))
    file.flush()
    status = subprocess.run(
      [sys.executable, '-m', __name__, file.name],
      env=environ | under.environment | {'PYTHONPATH': user_code.python_path()},
    ).returncode
    if status:
      raise RuntimeError(
        f'the process that recomputes launch {launch} ended with {status}'
      )
    result: Any = pickle.loads(Path(file.name).read_bytes())
  if isinstance(result, errors.UserError):
    raise result
  return result


def main(path: str) -> None:
  """Computes the launch that the file describes, and writes its end there."""
  from distbelief.replay.replay import Replay

  workdir, launch, until, start, keep = pickle.loads(Path(path).read_bytes())
  result: LaunchEnd | errors.UserError
  try:
    result = Replay(workdir).play(launch, until, start, keep)
  except MisfitError as error:
    result = error
  Path(path).write_bytes(pickle.dumps(result))


if __name__ == '__main__':
  main(*sys.argv[1:])
