r"""Downpour with 4 replicas against one replica, on real speech, with equal examples.

python scripts/spoken_digit_replicas.py --workdir=runs/spoken_digit_replicas

Trains configs/spoken_digit.py for each seed and number of replicas and writes what came
out to paper_results/spoken_digit/replicas.json. Runs that are finished are not repeated.
"""

import json
import pathlib
import statistics

from absl import app, flags

from distbelief.experiments import results, runs

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/spoken_digit/replicas.json', 'Where the result goes.'
)
_SEEDS = flags.DEFINE_list('seeds', ['0', '1', '2'], 'Seeds.')
_REPLICAS = flags.DEFINE_list('replicas', ['1', '4'], 'Numbers of replicas.')

_CONFIG = 'configs/spoken_digit.py'
_KEPT = ('seconds', 'steps', 'examples', 'examples_per_second', 'holdout_accuracy')


def run(replicas: int, seed: int) -> dict:
  """Trains, or reads what was trained, and returns the figures kept of it."""
  workdir = pathlib.Path(_WORKDIR.value) / f'replicas-{replicas}-seed-{seed}'
  summary = runs.finish(
    _CONFIG, workdir, {'cluster.num_replicas': replicas, 'seed': seed}
  )
  return {
    'replicas': replicas,
    'seed': seed,
    **{name: summary[name] for name in _KEPT},
    'mean_staleness': summary['staleness']['mean'],
    'steps_of_each_replica': [row['steps'] for row in summary['replicas']],
    'provenance': summary['provenance'],
  }


def main(unused_argv: list[str]) -> None:
  """Runs all and writes the result."""
  rows = [run(int(r), int(s)) for r in _REPLICAS.value for s in _SEEDS.value]
  medians = {
    replicas: statistics.median(
      row['holdout_accuracy'] for row in rows if row['replicas'] == int(replicas)
    )
    for replicas in _REPLICAS.value
  }
  found = {
    'config': _CONFIG,
    'median_holdout_accuracy_by_replicas': medians,
    'runs': rows,
  }
  results.write(_OUTPUT.value, found, [row.pop('provenance') for row in rows])
  print(json.dumps(medians, indent=2))


if __name__ == '__main__':
  app.run(main)
