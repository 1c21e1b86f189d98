"""Checks the virtual clock against theory: momentum, staleness, order statistics."""

from __future__ import annotations

import os
from pathlib import Path

from distbelief.experiments import simulator_theory, tolerances
from distbelief.experiments.experiment import Experiment, Result


def run(
  workdir: Path,
  *,
  seeds: int = 3,
  runs: int = 300,
  steps: int = simulator_theory.STEPS,
) -> Result:
  """Runs all cases and judges the claims."""
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  from distbelief.experiments import implicit_momentum

  fits = []
  for size in implicit_momentum.REPLICAS:
    fits.append(implicit_momentum.fit(size, runs))
    print(fits[-1])
  found = simulator_theory.repeat(workdir, seeds, steps=steps)
  judged = tolerances.judge(simulator_theory.all_claims(), found)
  fields = {
    'implicit_momentum': [fit._asdict() for fit in fits],
    'tolerance': implicit_momentum.TOLERANCE,
    'most_standard_error': implicit_momentum.STANDARD_ERROR,
    'claims': judged,
  }
  return Result(fields, tolerances.table(judged))


EXPERIMENT = Experiment(
  name='simulator_theory',
  question='Does the virtual clock agree with theory?',
  claims=(
    'momentum 1 - 1/M within 0.03 (Mitliagkas et al. 2016); staleness and synchronous '
    'steps within 2 to 15 %'
  ),
  minutes=15,
  output='paper_results/simulator/theory.json',
  run=run,
  quick={'seeds': 1, 'runs': 20, 'steps': 10},
)
