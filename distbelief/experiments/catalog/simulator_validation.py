"""Checks the simulator against real clusters: does it predict their results?"""

from __future__ import annotations

from pathlib import Path

from distbelief import errors
from distbelief.experiments import validation
from distbelief.experiments.experiment import Experiment, Result


def run(
  workdir: Path,
  *,
  repetitions: int = 3,
  cases: tuple[str, ...] = tuple(validation.cases()),
) -> Result:
  """Measures clusters of one replica, predicts larger ones, trains these, compares."""
  if unknown := set(cases) - set(validation.cases()):
    raise errors.UserError(f'there is no case {min(unknown)!r}: see --list')
  measured = validation.repeat(workdir, repetitions, names=cases)
  predicted = validation.predict(workdir / 'predicted', measured)
  found = {
    name: validation.compare(validation.median(measured.runs[name]), predicted[name])
    for name in cases
  }
  fields = {
    'config': validation.CONFIG,
    'durations': {name: own._asdict() for name, own in measured.durations.items()},
    'quantiles': validation.QUANTILES.tolist(),
    'cases': found,
    'repetitions': {
      name: [own._asdict() for own in runs] for name, runs in measured.runs.items()
    },
  }
  return Result(
    fields, validation.table(found), measured.provenance, {'': _picture(found)}
  )


def _picture(found: dict[str, dict]) -> bytes:
  from distbelief.pictures import validation as drawn

  return drawn.picture(found, validation.THROUGHPUT)


EXPERIMENT = Experiment(
  name='simulator_validation',
  question='Does the virtual clock tell beforehand what clusters do?',
  claims='updates/s within 10 %, staleness within 10 % or 0.3, time to the target 20 %',
  minutes=45,
  output='paper_results/simulator/validation.json',
  run=run,
  quick={'repetitions': 1, 'cases': ('1 replica', '2 replicas')},
)
