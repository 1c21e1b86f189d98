"""Each algorithm's best rate for the quickstart, on a grid."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import rates
from distbelief.experiments.experiment import Experiment, Result

CONFIG = 'configs/quickstart.py'


def run(
  workdir: Path,
  *,
  algorithms: tuple[str, ...] = ('downpour', 'synchronous'),
  grid: tuple[float, ...] = (0.01, 0.014, 0.02, 0.028, 0.04, 0.056, 0.08),
  seeds: tuple[int, ...] = (0,),
  num_steps: int | None = None,
) -> Result:
  """Trains by each algorithm at every rate."""
  found, trained = rates.grid(
    CONFIG, workdir, algorithms, grid, seeds, print, num_steps=num_steps
  )
  return Result({'config': CONFIG, 'algorithms': found}, rates.best(found), trained)


EXPERIMENT = Experiment(
  name='quickstart_rates',
  question="Which rate is each algorithm's best, so that none is compared at another's?",
  claims='the largest hold-out accuracy lies inside the grid',
  minutes=8,
  output='paper_results/quickstart/rates.json',
  run=run,
  quick={'grid': (0.02, 0.04), 'num_steps': 40},
)
