r"""What is seen of asynchrony, held to arithmetic: three padded replicas, measured.

python scripts/asynchrony.py --workdir=runs/asynchrony

Runs every case of distbelief/experiments/asynchrony.py several times, interleaved, and
writes paper_results/asynchrony/asynchrony.json. A quarter of an hour on 2 cores, on a
machine that does nothing else. Runs that are finished are not repeated.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import asynchrony, claims, results

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/asynchrony/asynchrony.json', 'Where the result goes.'
)
_REPETITIONS = flags.DEFINE_integer('repetitions', 5, 'How often each case is run.', 1)


def main(unused_argv: list[str]) -> None:
  """Runs all, judges and writes the result."""
  found = asynchrony.repeat(pathlib.Path(_WORKDIR.value), _REPETITIONS.value)
  judged = claims.judge(asynchrony.CLAIMS, found)
  result = {
    'config': asynchrony.CONFIG,
    'cases': asynchrony.CASES,
    'claims': judged,
    'repetitions': [asynchrony.as_json(repetition) for repetition in found],
  }
  trained = [measured.provenance for cases in found for measured in cases.values()]
  results.write(_OUTPUT.value, result, trained)
  print(claims.table(judged))


if __name__ == '__main__':
  app.run(main)
