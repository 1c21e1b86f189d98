r"""How long drawing a run of 100,000 steps takes: python scripts/drawing.py.

Makes up the records of such a run, draws all of its pictures and its trace, several
times, each in a process of its own; sketches the paper's 42 M parameters as often; and
writes paper_results/recording/drawing.json.
"""

import statistics

from absl import app, flags

from distbelief.experiments import drawing, results

_OUTPUT = flags.DEFINE_string(
  'output', 'paper_results/recording/drawing.json', 'Where the result goes.'
)
_REPETITIONS = flags.DEFINE_integer('repetitions', 5, 'How often it is drawn.', 1)


def main(unused_argv: list[str]) -> None:
  """Measures and writes the result."""
  found = drawing.measure(_REPETITIONS.value)
  found['sketch'] = drawing.sketch(drawing.PARAMETERS, _REPETITIONS.value)
  medians = {name: statistics.median(values) for name, values in found.items()}
  fields = {'steps': drawing.STEPS, 'bound_seconds': drawing.BOUND}
  fields |= {'sketched_parameters': drawing.PARAMETERS}
  holds = medians['pictures'] + medians['trace'] < drawing.BOUND
  results.write(
    _OUTPUT.value, {**fields, 'medians': medians, 'seconds': found, 'holds': holds}
  )
  print(f'{drawing.STEPS:,} steps: {medians} s')


if __name__ == '__main__':
  app.run(main)
