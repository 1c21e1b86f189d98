"""Checks measures of asynchrony against arithmetic: three padded replicas."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import asynchrony, tolerances
from distbelief.experiments.experiment import Experiment, Result


def run(workdir: Path, *, repetitions: int = 5, num_steps: int | None = None) -> Result:
  """Runs every case several times, interleaved, and judges the claims."""
  found = asynchrony.repeat(workdir, repetitions, num_steps=num_steps)
  judged = tolerances.judge(asynchrony.CLAIMS, found)
  return Result(
    fields={
      'config': asynchrony.CONFIG,
      'cases': asynchrony.CASES,
      'claims': judged,
      'repetitions': [asynchrony.as_json(repetition) for repetition in found],
    },
    text=tolerances.table(judged),
    trained=[measured.provenance for cases in found for measured in cases.values()],
  )


EXPERIMENT = Experiment(
  name='asynchrony',
  question='Do timelines, idle time and staleness agree with arithmetic?',
  claims=f'{len(asynchrony.CLAIMS)} numbers within 5 to 15 % of theory',
  minutes=15,
  output='paper_results/asynchrony/asynchrony.json',
  run=run,
  quick={'repetitions': 1, 'num_steps': 60},
)
