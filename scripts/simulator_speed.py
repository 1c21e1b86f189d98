r"""How fast the virtual clock is, against one process; how it grows; what it takes.

python scripts/simulator_speed.py --workdir=runs/simulator_speed

Writes paper_results/simulator/speed.json. Ten minutes on 2 cores, on a machine that does
nothing else.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import results, simulator_speed

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go; new.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/simulator/speed.json', 'Where the result goes.'
)
_PAIRS = flags.DEFINE_integer('pairs', 5, 'How often the two are compared.', 1)


def main(unused_argv: list[str]) -> None:
  """Measures, and writes the result."""
  workdir = pathlib.Path(_WORKDIR.value)
  results.write(
    _OUTPUT.value,
    {
      'pairs': simulator_speed.pairs(workdir / 'pairs', _PAIRS.value),
      'growth': simulator_speed.growth(workdir / 'growth'),
      'many': simulator_speed.many(workdir / 'many'),
    },
  )


if __name__ == '__main__':
  app.run(main)
