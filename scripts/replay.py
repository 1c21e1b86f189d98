r"""Recomputes a run from its records, in one process: is that all that happened?

python scripts/replay.py --run=DIR
python scripts/replay.py --run=DIR --until=300

Tells how far the parameters are from those that the run itself saved, or the first record
that does not fit. --until=UPDATE stops when shard 0 has applied so many pushes, and tells
what the run was like then. From Python, distbelief.simulation.replay.Replay gives the
parameters, the gradients accrued and the loss.
"""

import os
import sys
import time
from typing import Any

import numpy as np
from absl import app, flags

from distbelief import command_line, errors

_RUN = flags.DEFINE_string('run', None, 'A run: its directory.', required=True)
_UNTIL = flags.DEFINE_integer('until', None, 'The update to stop at (none: the last).')


def main(argv: list[str]) -> None:
  """Replays, and tells what came of it."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]!r} is no flag: name the run by --run')
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  try:
    with command_line.without_chatter():
      from distbelief.simulation import replay as replay_lib

      began = time.monotonic()
      replay = replay_lib.Replay(_RUN.value)
      state = replay.at(_UNTIL.value)
      lines = _told(replay, state)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(error.status)
  print(f'{lines} ({time.monotonic() - began:.1f} s)')


def _told(replay: Any, state: Any) -> str:
  """Returns what a replay found."""
  where = f'update {state.update} of {replay.num_updates}'
  lines = [f'{where}, versions {" ".join(map(str, state.versions))}']
  lines.append(
    f'hold-out loss {state.holdout["loss"]:.4f}, accuracy {state.holdout["accuracy"]:.4f}'
  )
  for replica, gradient in sorted(state.accrued.items()):
    norm = np.sqrt(sum(float((part**2).sum()) for part in gradient))
    lines.append(f'replica {replica} has accrued a gradient of norm {norm:.4g}')
  if state.update == replay.num_updates and replay.is_finished:
    found = replay.difference(state)
    lines.append(
      f'the parameters differ from those of the run by {found.parameters:.1e}, relative'
    )
    if found.statistics is not None:
      lines.append(f'the statistics by {found.statistics:.1e}')
  is_all = state.update == replay.num_updates
  lines.append('every record fits' if is_all else 'every record up to there fits')
  return '\n'.join(lines)


if __name__ == '__main__':
  app.run(main)
