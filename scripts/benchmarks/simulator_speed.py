r"""The speed of the simulator: whole commands, and the shares of their time.

python scripts/benchmarks/simulator_speed.py --workdir=runs/simulator_speed

The time of an update is measured by runs of different lengths, so that start and end do
not count. One process that does the same steps one after another is algorithm sgd, the
same gradients and rule in a loop of its own. Writes paper_results/simulator/speed.json;
ten minutes on 2 cores, on a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from distbelief import errors
from distbelief.algorithms import catalog
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import process_stats, results

RATIO = 1.4  # Least ratio of updates/s to one process.
BOOKKEEPING = 0.15  # Largest fraction of the time.
GIGABYTES = 4.0  # Largest memory of 200 replicas.

_WORDS = '--workdir=DIR [--pairs=COUNT] [--output=FILE.json]'
_SHORT, _LONG = 1000, 5000  # Steps.
_LENGTHS = (2000, 4000, 8000, 16_000)
_NETWORK = 4 * (256,)


class Command(NamedTuple):
  """The cost of a whole command."""

  seconds: float
  gigabytes: float  # Peak resident memory.
  computing: float  # Part of the seconds; 0 where it is not reported.


def run(
  workdir: Path,
  algorithm: str,
  num_steps: int,
  num_replicas: int,
  hidden_units: tuple[int, ...] = _NETWORK,
) -> Command:
  """Trains 440-...-50 on synthetic speech, minibatches of 64, in a process of its own.

  Args:
    workdir: Directory of the run; new.
    algorithm: Algorithm: an asynchronous one, under the virtual clock, or sgd, one
      process in real time.
    num_steps: Number of minibatches.
    num_replicas: Number of replicas.
    hidden_units: Width of each hidden layer.

  Raises:
    RuntimeError: If it fails.
  """
  virtual = catalog.get(algorithm).is_asynchronous
  fields = {
    'algorithm': algorithm,
    'num_steps': num_steps,
    'eval_steps': num_steps,
    'model.hidden_units': hidden_units,
    'data.batch_size': 64,
    'cluster.num_replicas': num_replicas,
    'data.num_utterances': max(500, 4 * num_replicas),
    'telemetry.pictures': False,
    'telemetry.swarm_seconds': 0.0,  # Simulated seconds are short.
    'checkpoint_seconds': 1e6,
  }
  if virtual:
    fields |= {'cluster.step_seconds': 0.1, 'cluster.step_distribution': 'gamma'}
  clock = 'virtual' if virtual else 'cluster'
  words = process_stats.command('configs/synthetic_speech.py', workdir, fields, clock)
  began = time.monotonic()
  process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
  _, status, usage = os.wait4(process.pid, 0)
  if status:
    status = os.waitstatus_to_exitcode(status)
    raise RuntimeError(f'training in {workdir} ended with status {status}')
  seconds = time.monotonic() - began
  summary = json.loads((workdir / 'summary.json').read_text())
  computing = summary.get('real_seconds_computing', 0.0)
  return Command(seconds, usage.ru_maxrss / 2**20, computing)


def pairs(
  workdir: Path, repetitions: int, say: Callable[[str], None] = print
) -> dict[str, Any]:
  """Returns the comparison of 20 replicas with one process; interleaved."""
  kinds = (('sgd', 1), ('downpour', 20))
  each: list[list[float]] = [[] for _ in kinds]
  parts = []
  for repetition in range(repetitions):
    for (kind, size), found in zip(kinds, each):
      short, long = (
        run(workdir / f'{repetition}-{kind}-{length}', kind, length, size)
        for length in (_SHORT, _LONG)
      )
      took = long.seconds - short.seconds
      found.append(took / (_LONG - _SHORT))
    parts.append(1 - (long.computing - short.computing) / took)
    say(f'pair {repetition}: ' + ', '.join(f'{1e3 * found[-1]:.2f} ms' for found in each))
  one_process, replicas = each
  ratios = [one / other for one, other in zip(one_process, replicas)]
  ratio, part = statistics.median(ratios), statistics.median(parts)
  return {
    'one_process_milliseconds': [1e3 * seconds for seconds in one_process],
    'milliseconds': [1e3 * seconds for seconds in replicas],
    'ratio': _judged(ratios, ratio, RATIO, ratio >= RATIO),
    'bookkeeping': _judged(parts, part, BOOKKEEPING, part <= BOOKKEEPING),
  }


def _judged(
  values: list[float], median: float, bound: float, holds: bool
) -> dict[str, Any]:
  return {'values': values, 'median': median, 'bound': bound, 'holds': holds}


def growth(workdir: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
  """Returns how time grows with updates: the seconds of runs, and the worst residual."""
  found = []
  for length in _LENGTHS:
    found.append(run(workdir / f'{length}', 'downpour', length, 20).seconds)
    say(f'{length} updates: {found[-1]:.1f} s')
  slope, start = np.polyfit(_LENGTHS, found, 1)
  off = np.abs(np.polyval([slope, start], _LENGTHS) / found - 1).max()
  return {
    'updates': list(_LENGTHS),
    'seconds': found,
    'milliseconds_an_update': 1e3 * slope,
    'off_a_line': float(off),
  }


def many(workdir: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
  """Returns the costs of 200 replicas, and of 2,000 of a smaller network."""
  cases = {
    '200 of 440-256x4-50': (200, 4000, _NETWORK),
    '2,000 of 440-64x2-50': (2000, 20_000, (64, 64)),
  }
  found = {}
  for name, (size, length, units) in cases.items():
    folder = workdir / f'{size}'
    took = run(folder, 'downpour', length, size, units)
    found[name] = {'replicas': size, 'updates': length, **took._asdict()}
    say(f'{name}: {length} updates in {took.seconds:.1f} s, {took.gigabytes:.2f} GB')
  first = next(iter(found.values()))
  first |= {'bound': GIGABYTES, 'holds': first['gigabytes'] <= GIGABYTES}
  return found


@program
def main(argv: list[str]) -> int:
  """Measures and writes the result; returns an exit status."""
  values = flags.FlagValues()
  workdir = flags.DEFINE_string(
    'workdir', None, 'The directory of the runs; new.', values
  )
  output = flags.DEFINE_string(
    'output', 'paper_results/simulator/speed.json', 'The JSON file to write.', values
  )
  repetitions = flags.DEFINE_integer(
    'pairs', 5, 'Number of comparisons.', 1, flag_values=values
  )
  if parsing.parse(values, argv, _WORDS) is None:
    return errors.DONE
  folder = Path(parsing.required(workdir, argv, _WORDS))
  results.write(
    output.value,
    {
      'pairs': pairs(folder / 'pairs', repetitions.value),
      'growth': growth(folder / 'growth'),
      'many': many(folder / 'many'),
    },
  )
  return errors.DONE


if __name__ == '__main__':
  sys.exit(main())
