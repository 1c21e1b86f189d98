r"""What waiting costs: Downpour and synchronous SGD on padded machines, measured.

python scripts/side_by_side.py --workdir=runs/side_by_side

Runs every case of distbelief/experiments/side_by_side.py several times, interleaved, and
writes paper_results/side_by_side/side_by_side.json. About half an hour on 2 cores, on a
machine that does nothing else. Runs that are finished are not repeated.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import claims, results, side_by_side

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/side_by_side/side_by_side.json', 'Where the result goes.'
)
_REPETITIONS = flags.DEFINE_integer('repetitions', 5, 'How often each case is run.')


def main(unused_argv: list[str]) -> None:
  """Runs all, judges and writes the result."""
  found = side_by_side.repeat(pathlib.Path(_WORKDIR.value), _REPETITIONS.value)
  judged = claims.judge(side_by_side.CLAIMS, found)
  repetitions = [
    {case: measured._asdict() for case, measured in repetition.items()}
    for repetition in found
  ]
  trained = [row.pop('provenance') for rows in repetitions for row in rows.values()]
  result = {
    'config': side_by_side.CONFIG,
    'cases': side_by_side.CASES,
    'claims': judged,
    'repetitions': repetitions,
  }
  results.write(_OUTPUT.value, result, trained)
  print(claims.table(judged))


if __name__ == '__main__':
  app.run(main)
