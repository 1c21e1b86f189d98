r"""The cost of recording: processor seconds per step with all records and with none.

python scripts/benchmarks/recording_cost.py --workdir=runs/recording_cost

The reference job: a 784-512-512-10 network (669,706 parameters), minibatches of 64, 2
workers of one thread each, 1 parameter server, not padded. All tasks' processor time is
read between two evaluations, so that neither start nor end counts. Writes
paper_results/recording/recording_cost.json; about half an hour on 2 cores, on a machine
that does nothing else.
"""

from __future__ import annotations

import collections
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import process_stats, results

CONFIG = 'configs/synthetic_speech.py'
_WORDS = '--workdir=DIR [--pairs=COUNT] [--output=FILE.json]'
N = (10, 100)  # n_fetch = n_push.
BOUND = 0.03
_STEPS = {10: 8_000, 100: 12_000}
_WARM = 2_000  # Steps before the first reading.
_TASKS = ('replica', 'ps', 'chief')

ALL = {'telemetry.records': True}
NONE = {'telemetry.records': False, 'telemetry.swarm_seconds': 0.0}


def network() -> Any:
  """Returns the reference network."""
  import keras

  layers = [keras.layers.Dense(512, activation='relu') for _ in range(2)]
  model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10)])
  model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  return model


def examples(split: str, seed: int) -> Any:
  """Returns random images and labels; few, since the trained model does not matter."""
  import numpy as np
  import tensorflow as tf

  rng = np.random.default_rng([seed, split == 'train'])
  count = 2048 if split == 'train' else 64
  images = rng.normal(size=[count, 784]).astype(np.float32)
  return tf.data.Dataset.from_tensor_slices((images, rng.integers(0, 10, count)))


class Cost(NamedTuple):
  """The cost of steps."""

  processor: float  # Seconds per step, all tasks together.
  by_task: dict[str, float]  # The same by kind of task.
  seconds: float  # Wall-clock seconds per step.
  steps: int  # Number of measured steps.


def measure(workdir: Path, n: int, recording: Mapping[str, Any]) -> Cost:
  """Trains once, and returns the cost of a step.

  Args:
    workdir: Directory of the run; new.
    n: Value of n_fetch and n_push.
    recording: Fields of the config, ALL or NONE.

  Raises:
    RuntimeError: If the run fails.
  """
  fields = {
    'model.name': f'{__file__}:network',
    'data.name': f'{__file__}:examples',
    'cluster.num_replicas': 2,
    'downpour.n_fetch': n,
    'downpour.n_push': n,
    'downpour.window_steps': max(100, n),
    'server.optimizer': 'sgd',
    'server.learning_rate': 1e-4,
    'downpour.learning_rate': 1e-4,
    'num_steps': 2 * _WARM + _STEPS[n] + 1000,
    'eval_steps': _WARM,
    'checkpoint_seconds': 3600.0,
    **recording,
  }
  # Tasks may be gone at the last reading, and the first one is late.
  _, first, *_, last, _ = process_stats.watch(CONFIG, workdir, fields)
  each = last.steps - first.steps
  used, before = _by_kind(last.processor), _by_kind(first.processor)
  by_task = {kind: (used[kind] - before.get(kind, 0.0)) / each for kind in used}
  return Cost(sum(by_task.values()), by_task, (last.time - first.time) / each, each)


def _by_kind(processor: Mapping[str, float]) -> dict[str, float]:
  """Returns processor seconds by the kind of task."""
  used: dict[str, float] = collections.defaultdict(float)
  for name, seconds in processor.items():
    kind = name.split('-')[0]
    used[kind if kind in _TASKS else 'other'] += seconds
  return used


def compare(
  workdir: Path, pairs: int, say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
  """Measures with and without recording in turn; returns a row per n.

  Args:
    workdir: Directory of the runs.
    pairs: Number of repetitions of each.
    say: Function that shows a line.
  """
  found: dict[int, list[tuple[Cost, Cost]]] = {n: [] for n in N}
  for pair in range(pairs):
    for n in N:
      kinds: dict[str, Mapping[str, Any]] = {'all': ALL, 'none': NONE}
      costs = {}
      # The order alternates, so that drift favours neither.
      for kind in sorted(kinds, reverse=bool(pair % 2)):
        costs[kind] = measure(workdir / f'{pair}-{n}-{kind}', n, kinds[kind])
      found[n].append((costs['all'], costs['none']))
      ratio = costs['all'].processor / costs['none'].processor
      say(f'pair {pair}, n = {n}: {1e3 * costs["none"].processor:.3f} ms, x {ratio:.4f}')
  return [_row(n, costs) for n, costs in found.items()]


def _row(n: int, costs: list[tuple[Cost, Cost]]) -> dict[str, Any]:
  ratios = [every.processor / none.processor for every, none in costs]
  median = statistics.median(ratios)
  return {
    'n': n,
    'pairs': len(costs),
    'median_ratio': median,
    'ratios': ratios,
    'milliseconds_all': 1e3 * statistics.median(c.processor for c, _ in costs),
    'milliseconds_none': 1e3 * statistics.median(c.processor for _, c in costs),
    'milliseconds_by_task': {
      task: [
        1e3 * statistics.median(cost.by_task.get(task, 0.0) for cost in kind)
        for kind in zip(*costs)
      ]
      for task in (*_TASKS, 'other')
    },
    'examples_per_second_all': 64 / statistics.median(c.seconds for c, _ in costs),
    'examples_per_second_none': 64 / statistics.median(c.seconds for _, c in costs),
    'bound': 1 + BOUND,
    'holds': bool(median < 1 + BOUND),
  }


@program
def main(argv: list[str]) -> int:
  """Measures and writes the result; returns an exit status."""
  values = flags.FlagValues()
  workdir = flags.DEFINE_string(
    'workdir', None, 'The directory of the runs; new.', values
  )
  output = flags.DEFINE_string(
    'output',
    'paper_results/recording/recording_cost.json',
    'The JSON file to write.',
    values,
  )
  pairs = flags.DEFINE_integer(
    'pairs', 10, 'Number of repetitions of each.', 1, flag_values=values
  )
  if parsing.parse(values, argv, _WORDS) is None:
    return errors.DONE
  rows = compare(Path(parsing.required(workdir, argv, _WORDS)), pairs.value)
  results.write(output.value, {'cost': rows})
  for row in rows:
    print(
      f'n = {row["n"]}: {row["milliseconds_all"]:.3f} against '
      f'{row["milliseconds_none"]:.3f} ms a step, x {row["median_ratio"]:.4f} (bound '
      f'{row["bound"]:g}: {"holds" if row["holds"] else "missed"})'
    )
  return errors.DONE


if __name__ == '__main__':
  sys.exit(main())
