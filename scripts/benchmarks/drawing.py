r"""How long drawing a run of 100,000 steps takes: python scripts/benchmarks/drawing.py.

Generates the records of such a run, draws all of its pictures and its trace, several
times, each in a process of its own; sketches the paper's 42 M parameters as often; and
writes paper_results/recording/drawing.json.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from distbelief import config as config_lib
from distbelief import errors
from distbelief.analysis import trace
from distbelief.analysis.run import Run
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import results
from distbelief.telemetry import records, steps, swarm

STEPS = 100_000
BOUND = 20.0  # Seconds.
PARAMETERS = 41_777_152  # Number in the paper's acoustic network.
_REPLICAS, _SHARDS, _SAMPLES = 10, 2, 10_000


def make_up(workdir: Path) -> None:
  """Writes the config and the records of STEPS steps of blocking Downpour."""
  rng = np.random.default_rng(0)
  made = np.zeros([STEPS], steps.record_dtype(_SHARDS))
  made['replica'] = np.arange(STEPS) % _REPLICAS
  for name in ('step', 'batch', 'sequence'):
    made[name] = np.arange(STEPS) // _REPLICAS
  made['pushed'] = made['fresh'] = True
  made['gradients'], made['status'] = 1, steps.Status.APPLIED
  start = 1_700_000_000 + 0.1 * made['step'] + 0.01 * made['replica']
  times = start[:, np.newaxis] + 0.1 * np.sort(rng.uniform(size=[STEPS, 6]), axis=1)
  made['wait_start'], made['wait_end'] = start, times[:, 0]
  made['fetch_start'], made['fetch_end'] = times[:, 0], times[:, 1]
  made['compute_start'], made['compute_end'] = times[:, 1], times[:, 2]
  made['push_start'], made['push_end'] = times[:, 2], times[:, 5]
  for shard in range(_SHARDS):
    at = times[:, 3] + 0.001 * rng.uniform(size=STEPS)
    order = np.argsort(at)
    made['applied_at'][:, shard], made['update_end'][:, shard] = at, at + 1e-4
    made['version_applied'][order, shard] = 1 + np.arange(STEPS)
    made['version_held'][:, shard] = np.searchsorted(at[order], times[:, 1])
  made['staleness'] = records.derived_staleness(made)
  config = config_lib.default_config()
  config.cluster.num_replicas = _REPLICAS
  (workdir / 'config.json').write_text(config_lib.to_json(config))
  recorder = records.Recorder(
    workdir / 'steps' / '000.bin', _SHARDS, _REPLICAS, [10**6] * _SHARDS
  )
  recorder.close()
  with (workdir / 'steps' / '000.bin').open('ab') as file:
    file.write(made.tobytes())
  writer = swarm.SwarmWriter(workdir)
  for sample in range(_SAMPLES):
    sketches = rng.normal(size=[1, len(swarm.SKETCHES), swarm.DIMENSION])
    marks = [made['compute_end'][0] + sample, sample % _REPLICAS, 0, sample]
    writer.add(np.array([marks]), sketches.astype(np.float32))


def measure(repetitions: int) -> dict[str, list[float]]:
  """Returns the seconds of each repetition, by what was drawn.

  Args:
    repetitions: Number of repetitions; each in a new process, whose start counts.
  """
  found: dict[str, list[float]] = {'pictures': [], 'trace': []}
  with tempfile.TemporaryDirectory() as folder:
    make_up(Path(folder))
    for _ in range(repetitions):
      for what, seconds in found.items():
        start = time.monotonic()
        subprocess.run([sys.executable, __file__, f'--draw={what}', folder], check=True)
        seconds.append(time.monotonic() - start)
  return found


def sketch(num_parameters: int, repetitions: int) -> list[float]:
  """Returns the processor seconds that each sketch of so many parameters took."""
  import tensorflow as tf

  from distbelief.telemetry.sketch import Sketch

  projection = Sketch(num_parameters, seed=0)
  values = tf.ones([num_parameters])
  once = tf.function(lambda: projection.part(values, 0))
  found = []
  for _ in range(repetitions + 1):  # The first call builds the graph.
    start = time.process_time()
    once().numpy()
    found.append(time.process_time() - start)
  return found[1:]


def draw(what: str, workdir: str) -> None:
  """Draws 'pictures' (all of a run) or a 'trace'."""
  from distbelief.pictures import gallery

  if what == 'pictures':
    gallery.of_run(Run(workdir))
  else:
    trace.write(trace.make(Run(workdir)), Path(workdir) / 'trace.json.gz')


@program
def main(argv: list[str]) -> int:
  """Measures and writes the result; returns an exit status."""
  values = flags.FlagValues()
  output = flags.DEFINE_string(
    'output', 'paper_results/recording/drawing.json', 'The JSON file to write.', values
  )
  repetitions = flags.DEFINE_integer(
    'repetitions', 5, 'Number of repetitions.', 1, flag_values=values
  )
  what = flags.DEFINE_string(
    'draw',
    None,
    'What to draw of the run in DIR, and no more: for the measurement.',
    values,
  )
  words = parsing.parse(values, argv, '[--repetitions=COUNT] [--output=FILE.json]')
  if words is None:
    return errors.DONE
  if what.value:
    draw(what.value, *words)
    return errors.DONE
  found = measure(repetitions.value)
  found['sketch'] = sketch(PARAMETERS, repetitions.value)
  medians = {name: statistics.median(seconds) for name, seconds in found.items()}
  fields = {
    'steps': STEPS,
    'bound_seconds': BOUND,
    'sketched_parameters': PARAMETERS,
    'medians': medians,
    'seconds': found,
    'holds': medians['pictures'] + medians['trace'] < BOUND,
  }
  results.write(output.value, fields)
  print(f'{STEPS:,} steps: {medians} s')
  return errors.DONE


if __name__ == '__main__':
  sys.exit(main())
