r"""The simulator, held to real clusters: does it tell beforehand what they will do?

python scripts/validate_simulator.py --workdir=runs/validation

Measures padded clusters of one replica, tells the simulator how long things take there,
lets it predict larger clusters (distbelief/experiments/validation.py), trains these, and
writes paper_results/simulator/validation.json and .png. A quarter of an hour a repetition
on 2 cores, on a machine that does nothing else. Finished cases are not repeated.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import results, validation
from distbelief.pictures import validation as drawn

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/simulator/validation.json', 'Where the result goes.'
)
_REPETITIONS = flags.DEFINE_integer('repetitions', 3, 'How often each case is run.', 1)


def main(unused_argv: list[str]) -> None:
  """Measures, predicts, compares, and writes the result."""
  workdir = pathlib.Path(_WORKDIR.value)
  measured = validation.repeat(workdir, _REPETITIONS.value)
  predicted = validation.predict(workdir / 'predicted', measured)
  found = {
    name: validation.compare(validation.median(measured.runs[name]), predicted[name])
    for name in validation.cases()
  }
  result = {
    'config': validation.CONFIG,
    'durations': {name: own._asdict() for name, own in measured.durations.items()},
    'quantiles': validation.QUANTILES.tolist(),
    'cases': found,
    'repetitions': {
      name: [run._asdict() for run in runs] for name, runs in measured.runs.items()
    },
  }
  results.write(_OUTPUT.value, result, measured.provenance)
  picture = drawn.picture(found, validation.THROUGHPUT)
  pathlib.Path(_OUTPUT.value).with_suffix('.png').write_bytes(picture)
  print(validation.table(found))


if __name__ == '__main__':
  app.run(main)
