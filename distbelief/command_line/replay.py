"""`distbelief replay` and scripts/replay.py."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program, without_chatter

if TYPE_CHECKING:
  from distbelief.replay.replay import Replay, State

_WORDS = '--run=DIR [--until=UPDATE]'


@program
def main(argv: list[str]) -> int:
  """Recomputes a run from its records, in one process; returns an exit status.

  Prints the difference of the parameters from those that the run itself saved, or the
  first record that does not fit.
  """
  values = flags.FlagValues()
  run_flag = flags.DEFINE_string('run', None, "A run's directory.", values)
  until = flags.DEFINE_integer(
    'until',
    None,
    'Number of pushes at shard 0 after which the replay stops, and shows the state of '
    'the run; default: all.',
    flag_values=values,
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, 'name the run by --run=DIR')
  workdir = parsing.required(run_flag, argv, _WORDS)
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  with without_chatter():
    from distbelief.replay.replay import Replay

    began = time.monotonic()
    replay = Replay(workdir)
    lines = _describe(replay, replay.at(until.value))
  print(f'{lines} ({time.monotonic() - began:.1f} s)')
  return errors.DONE


def _describe(replay: Replay, state: State) -> str:
  """Returns the results of a replay as lines."""
  import numpy as np

  where = f'update {state.update} of {replay.num_updates}'
  lines = [f'{where}, versions {" ".join(map(str, state.versions))}']
  lines.append(
    f'hold-out loss {state.holdout["loss"]:.4f}, accuracy {state.holdout["accuracy"]:.4f}'
  )
  for replica, gradient in sorted(state.accrued.items()):
    norm = np.sqrt(sum(float((part**2).sum()) for part in gradient))
    lines.append(f'replica {replica} has accrued a gradient of norm {norm:.4g}')
  is_all = state.update == replay.num_updates
  if is_all and replay.is_finished:
    found = replay.difference(state)
    lines.append(
      f'the parameters differ from those of the run by {found.parameters:.1e}, relative'
    )
    if found.statistics is not None:
      lines.append(f'the statistics by {found.statistics:.1e}')
  lines.append('every record fits' if is_all else 'every record up to there fits')
  return '\n'.join(lines)
