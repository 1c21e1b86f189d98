"""Networks on digits drawn from fonts: the paper's, a linear one, and Keras' layers."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import font_digits
from distbelief.experiments.experiment import Experiment, Result


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (0, 1, 2),
  cases: tuple[str, ...] = tuple(font_digits.CASES),
  num_steps: int | None = None,
) -> Result:
  """Trains every case with every seed."""
  found, trained = font_digits.measure(
    workdir, seeds, print, cases=cases, num_steps=num_steps
  )
  return Result(
    {'config': font_digits.CONFIG, 'cases': found}, font_digits.table(found), trained
  )


EXPERIMENT = Experiment(
  name='font_digits',
  question=(
    "Does the paper's image network learn what a linear map cannot, and batch "
    'normalisation survive asynchrony?'
  ),
  claims='hold-out accuracies, also of model.keras by plain Keras; no bounds',
  minutes=8,
  output='paper_results/font_digits/font_digits.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 40},
)
