r"""Trains a config by each algorithm at several rates, and says which is best for which.

python scripts/rate_grid.py --config=configs/quickstart.py --workdir=runs/rate_grid \
  --output=paper_results/quickstart/rates.json

Best is the largest mean hold-out accuracy at the end. Finished runs are not repeated.
"""

import pathlib

from absl import app, flags

from distbelief.algorithms import catalog
from distbelief.experiments import rates, results

_CONFIG = flags.DEFINE_string('config', None, 'The config file.', required=True)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file to write.', required=True)
_ALGORITHMS = flags.DEFINE_multi_enum(
  'algorithm', ['downpour', 'synchronous'], catalog.names(), 'Algorithms to try.'
)
_RATES = flags.DEFINE_multi_float('rate', [0.01, 0.02, 0.04, 0.08, 0.16], 'Rates to try.')
_SEEDS = flags.DEFINE_multi_integer('seed', [0], 'Seeds to try each with.')


def main(unused_argv: list[str]) -> None:
  """Trains, and writes the result."""
  found, trained = rates.grid(
    _CONFIG.value,
    pathlib.Path(_WORKDIR.value),
    _ALGORITHMS.value,
    _RATES.value,
    _SEEDS.value,
    print,
  )
  results.write(_OUTPUT.value, {'config': _CONFIG.value, 'algorithms': found}, trained)
  for algorithm, result in found.items():
    edge = ' (the end of the grid: try beyond)' * result['at_the_end_of_the_grid']
    print(f'{algorithm}: {result["field"]} = {result["best_rate"]:g}{edge}')


if __name__ == '__main__':
  app.run(main)
