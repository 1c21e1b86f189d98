"""The cost of waiting: Downpour and synchronous SGD on padded machines, measured."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import side_by_side, tolerances
from distbelief.experiments.experiment import Experiment, Result


def run(workdir: Path, *, repetitions: int = 5, num_steps: int | None = None) -> Result:
  """Runs every case several times, interleaved, and judges the claims."""
  found = side_by_side.repeat(workdir, repetitions, num_steps=num_steps)
  judged = tolerances.judge(side_by_side.CLAIMS, found)
  repetitions_as_json = [
    {case: measured._asdict() for case, measured in repetition.items()}
    for repetition in found
  ]
  trained = [
    row.pop('provenance') for rows in repetitions_as_json for row in rows.values()
  ]
  return Result(
    fields={
      'config': side_by_side.CONFIG,
      'cases': side_by_side.CASES,
      'claims': judged,
      'repetitions': repetitions_as_json,
    },
    text=tolerances.table(judged),
    trained=trained,
  )


EXPERIMENT = Experiment(
  name='side_by_side',
  question=(
    'Do times on padded machines follow the theory, for Downpour and synchronous SGD?'
  ),
  claims=f'{len(side_by_side.CLAIMS)} numbers within bounds around theory',
  minutes=30,
  output='paper_results/side_by_side/side_by_side.json',
  run=run,
  quick={'repetitions': 1, 'num_steps': 52},
)
