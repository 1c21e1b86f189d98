r"""Networks on digits drawn from fonts: the paper's, a linear one, and Keras' layers.

python scripts/font_digits.py --workdir=runs/font_digits

Expect about 8 minutes on 2 cores; see paper_results/font_digits. Finished runs are not
repeated.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import font_digits, results

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/font_digits/font_digits.json', 'The JSON file to write.'
)
_SEEDS = flags.DEFINE_multi_integer('seed', [0, 1, 2], 'Seeds to train each case with.')


def main(unused_argv: list[str]) -> None:
  """Trains, and writes the result."""
  workdir = pathlib.Path(_WORKDIR.value)
  found, trained = font_digits.measure(workdir, _SEEDS.value, print)
  results.write(_OUTPUT.value, {'config': font_digits.CONFIG, 'cases': found}, trained)
  print(font_digits.table(found))


if __name__ == '__main__':
  app.run(main)
