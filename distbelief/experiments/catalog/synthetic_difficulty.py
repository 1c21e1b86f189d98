"""The difficulty of synthetic speech: the value of depth on it, in one process."""

from __future__ import annotations

import os
from pathlib import Path

from distbelief import errors
from distbelief.experiments import tables
from distbelief.experiments.experiment import Experiment, Result

_NETWORKS = ('softmax', '1x256', '4x256')


def run(
  unused_workdir: Path,
  *,
  networks: tuple[str, ...] = _NETWORKS,
  rates: tuple[float, ...] = (0.03, 0.05, 0.08),
  num_steps: int = 40_000,
  batch_size: int = 128,
  num_utterances: int = 4000,
  seed: int = 0,
) -> Result:
  """Trains every network at every rate."""
  if not set(networks) <= set(_NETWORKS):
    raise errors.UserError(f'networks {networks} must be of {", ".join(_NETWORKS)}')
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  from distbelief.experiments import synthetic_difficulty

  found = synthetic_difficulty.measure(
    networks, rates, num_steps, batch_size, num_utterances, seed
  )
  rows = [
    (
      name,
      *(f'{row["holdout_accuracies"][-1]:.1%}' for row in network['by_rate'].values()),
    )
    for name, network in found['networks'].items()
  ]
  return Result(found, tables.markdown(('network', *(f'{r:g}' for r in rates)), rows))


EXPERIMENT = Experiment(
  name='synthetic_difficulty',
  question='Is the embedded data honest: does depth matter on it?',
  claims=(
    'at least 5 points of accuracy between each network and the next, the best between '
    '60 and 90 %'
  ),
  minutes=15,
  output='paper_results/synthetic_speech/difficulty.json',
  run=run,
  quick={'num_steps': 500, 'num_utterances': 200, 'rates': (0.05,)},
)
