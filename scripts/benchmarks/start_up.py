r"""The time from the command to the first training step.

python scripts/benchmarks/start_up.py --workdir=runs/start_up

Starts configs/synthetic_speech.py (2 replicas, 1 parameter server, import of TensorFlow
included) several times and writes paper_results/start_up/start_up.json.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import process_stats, results

_WORDS = '--workdir=DIR [--runs=COUNT] [--output=FILE.json]'
_CONFIG = 'configs/synthetic_speech.py'
_NULL = subprocess.DEVNULL


def importing() -> float:
  """Returns how long a process takes that imports TensorFlow, in seconds."""
  began = time.monotonic()
  subprocess.run([sys.executable, '-c', 'import tensorflow'], check=True, stderr=_NULL)
  return time.monotonic() - began


def starting(workdir: Path) -> float:
  """Starts a short run; returns when its first step began, from the command on."""
  words = process_stats.command(_CONFIG, workdir, {'num_steps': 40})
  subprocess.run(words, check=True)
  return json.loads((workdir / 'summary.json').read_text())['startup_seconds']


@program
def main(argv: list[str]) -> int:
  """Runs all and writes the result; returns an exit status."""
  values = flags.FlagValues()
  workdir = flags.DEFINE_string(
    'workdir', None, 'The directory of the runs; new.', values
  )
  output = flags.DEFINE_string(
    'output', 'paper_results/start_up/start_up.json', 'The JSON file to write.', values
  )
  runs = flags.DEFINE_integer(
    'runs', 7, 'Number of starts; the first may read from disk.', 1, flag_values=values
  )
  if parsing.parse(values, argv, _WORDS) is None:
    return errors.DONE
  folder = Path(parsing.required(workdir, argv, _WORDS))
  imports, starts = [], []
  for index in range(runs.value):
    imports.append(round(importing(), 2))
    starts.append(round(starting(folder / f'{index}'), 2))
  ratios = [round(start / alone, 2) for start, alone in zip(starts, imports)]
  result = {
    'startup_seconds': starts,
    'import_seconds': imports,
    'ratios': ratios,
    'median': statistics.median(starts),
    'median_ratio': statistics.median(ratios),
  }
  results.write(output.value, result)
  print(json.dumps(result, indent=2))
  return errors.DONE


if __name__ == '__main__':
  sys.exit(main())
