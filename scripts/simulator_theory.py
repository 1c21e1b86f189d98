r"""The virtual clock, held to theory: implicit momentum, staleness, order statistics.

python scripts/simulator_theory.py --workdir=runs/simulator_theory

Asynchrony begets momentum (Mitliagkas et al. 2016): on a quadratic with exponential
step times, M replicas move as if they had momentum 1 - 1 / M. Writes
paper_results/simulator/theory.json. A quarter of an hour on 2 cores.
"""

import os
import pathlib

from absl import app, flags

from distbelief.experiments import claims, results, simulator_theory

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/simulator/theory.json', 'Where the result goes.'
)
_SEEDS = flags.DEFINE_integer('seeds', 3, 'How often each case is run.', 1)
_RUNS = flags.DEFINE_integer('runs', 300, 'On the quadratic, for each M.', 20)


def main(unused_argv: list[str]) -> None:
  """Runs all, judges and writes the result."""
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  from distbelief.experiments import implicit_momentum

  fits = []
  for size in implicit_momentum.REPLICAS:
    fits.append(implicit_momentum.fit(size, _RUNS.value))
    print(fits[-1])
  found = simulator_theory.repeat(pathlib.Path(_WORKDIR.value), _SEEDS.value)
  judged = claims.judge(simulator_theory.all_claims(), found)
  result = {
    'implicit_momentum': [fit._asdict() for fit in fits],
    'tolerance': implicit_momentum.TOLERANCE,
    'most_standard_error': implicit_momentum.STANDARD_ERROR,
    'claims': judged,
  }
  results.write(_OUTPUT.value, result)
  print(claims.table(judged))


if __name__ == '__main__':
  app.run(main)
