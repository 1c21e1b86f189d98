"""Downpour with 4 replicas against one replica, on real speech, with equal examples."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from distbelief.experiments import runs
from distbelief.experiments.experiment import Experiment, Result

CONFIG = 'configs/spoken_digit.py'
_KEPT = ('seconds', 'steps', 'examples', 'examples_per_second', 'holdout_accuracy')


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (0, 1, 2),
  replicas: tuple[int, ...] = (1, 4),
  num_steps: int | None = None,
) -> Result:
  """Trains with each number of replicas and each seed."""
  length = {} if num_steps is None else {'num_steps': num_steps}
  rows, trained = [], []
  for count in replicas:
    for seed in seeds:
      folder = workdir / f'replicas-{count}-seed-{seed}'
      fields = {'cluster.num_replicas': count, 'seed': seed, **length}
      summary = runs.finish(CONFIG, folder, fields)
      trained.append(summary['provenance'])
      rows.append(
        {
          'replicas': count,
          'seed': seed,
          **{name: summary[name] for name in _KEPT},
          'mean_staleness': summary['staleness']['mean'],
          'steps_of_each_replica': [row['steps'] for row in summary['replicas']],
        }
      )
  medians = {
    str(count): statistics.median(
      row['holdout_accuracy'] for row in rows if row['replicas'] == count
    )
    for count in replicas
  }
  return Result(
    {'config': CONFIG, 'median_holdout_accuracy_by_replicas': medians, 'runs': rows},
    json.dumps(medians, indent=2),
    trained,
  )


EXPERIMENT = Experiment(
  name='spoken_digit_replicas',
  question="Do 4 asynchronous replicas reach one replica's accuracy on real speech?",
  claims='medians of 3 seeds; no bounds (spoken_digit of TensorFlow Datasets: 12 MB)',
  minutes=12,
  output='paper_results/spoken_digit/replicas.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 1000},
)
