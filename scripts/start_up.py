r"""How long it takes from the command to the first training step.

python scripts/start_up.py --workdir=runs/start_up

Starts configs/synthetic_speech.py (2 replicas, 1 parameter server, import of TensorFlow
included) several times and writes paper_results/start_up/start_up.json.
"""

import json
import pathlib
import statistics
import subprocess
import sys

from absl import app, flags

from distbelief.experiments import results

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/start_up/start_up.json', 'Where the result goes.'
)
_RUNS = flags.DEFINE_integer('runs', 7, 'How many times; the first may read from disk.')


def seconds(index: int) -> float:
  """Starts a short run; returns when its first step began, from the command on."""
  workdir = pathlib.Path(_WORKDIR.value) / f'{index}'
  words = [sys.executable, 'scripts/train.py', '--config=configs/synthetic_speech.py']
  options = [f'--workdir={workdir}', '--config.num_steps=40']
  subprocess.run([*words, *options], check=True)
  return json.loads((workdir / 'summary.json').read_text())['startup_seconds']


def main(unused_argv: list[str]) -> None:
  """Runs all and writes the result."""
  found = [round(seconds(index), 2) for index in range(_RUNS.value)]
  results.write(
    _OUTPUT.value, {'startup_seconds': found, 'median': statistics.median(found)}
  )
  print(found)


if __name__ == '__main__':
  app.run(main)
