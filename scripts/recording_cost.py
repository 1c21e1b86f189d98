r"""What recording costs: processor seconds per step with all of it and with none.

python scripts/recording_cost.py --workdir=runs/recording_cost

Trains the reference job (distbelief/experiments/recording_cost.py) with and without
recording in turn, and writes paper_results/recording/recording_cost.json. About half an
hour on 2 cores, on a machine that does nothing else.
"""

import pathlib

from absl import app, flags

from distbelief.experiments import recording_cost, results

_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the runs go.', required=True)
_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/recording/recording_cost.json', 'Where the result goes.'
)
_PAIRS = flags.DEFINE_integer('pairs', 10, 'How often each is run.', 1)


def main(unused_argv: list[str]) -> None:
  """Measures and writes the result."""
  rows = recording_cost.compare(pathlib.Path(_WORKDIR.value), _PAIRS.value)
  results.write(_OUTPUT.value, {'cost': rows})
  for row in rows:
    print(
      f'n = {row["n"]}: {row["milliseconds_all"]:.3f} against '
      f'{row["milliseconds_none"]:.3f} ms a step, x {row["median_ratio"]:.4f} (bound '
      f'{row["bound"]:g}: {"holds" if row["holds"] else "missed"})'
    )


if __name__ == '__main__':
  app.run(main)
