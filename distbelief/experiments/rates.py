"""Each algorithm's best rate, so that none is compared at a rate that suits another."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distbelief.algorithms import catalog
from distbelief.experiments import runs

RATES = (0.01, 0.02, 0.04, 0.08, 0.16)  # A grid to begin with.

_KEPT = ('seconds', 'steps', 'updates', 'holdout_accuracy', 'seconds_to_target')


def grid(
  config: str,
  workdir: Path,
  algorithms: Sequence[str],
  rates: Sequence[float],
  seeds: Sequence[int],
  say: Callable[[str], None],
  *,
  num_steps: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
  """Trains a config by every algorithm at every rate.

  Args:
    config: Path of a config file.
    workdir: Directory of the runs; finished ones are not repeated.
    algorithms: Names of algorithms.
    rates: Learning rates to try.
    seeds: Seeds to try each of them with.
    say: Function that shows a line.
    num_steps: Number of minibatches; None: that of the config.

  Returns:
    Results per algorithm: the runs, the mean hold-out accuracy over the seeds at every
    rate, and the best rate; and the provenance of each run.
  """
  length = {} if num_steps is None else {'num_steps': num_steps}
  found: dict[str, Any] = {}
  trained = []
  for algorithm in algorithms:
    field, rows = catalog.get(algorithm).learning_rate_fields[0], []
    for rate in rates:
      for seed in seeds:
        folder = workdir / f'{algorithm}-{rate:g}-seed-{seed}'
        fields = {'algorithm': algorithm, 'seed': seed, field: rate}
        summary = runs.finish(config, folder, {**fields, **length})
        row = {'rate': rate, 'seed': seed, **{name: summary[name] for name in _KEPT}}
        say(json.dumps({'algorithm': algorithm, **row}))
        rows.append(row)
        trained.append(summary['provenance'])
    means = {
      rate: sum(r['holdout_accuracy'] for r in rows if r['rate'] == rate) / len(seeds)
      for rate in rates
    }
    best = max(means, key=lambda rate: means[rate])
    found[algorithm] = {
      'field': f'config.{field}',
      'best_rate': best,
      'mean_holdout_accuracy_by_rate': means,
      'at_the_end_of_the_grid': best in (min(rates), max(rates)),
      'runs': rows,
    }
  return found, trained


def best(found: dict[str, Any]) -> str:
  """Returns each algorithm's best rate as a line of text."""
  lines = []
  for algorithm, result in found.items():
    edge = ' (the end of the grid: try beyond)' * result['at_the_end_of_the_grid']
    lines.append(f'{algorithm}: {result["field"]} = {result["best_rate"]:g}{edge}')
  return '\n'.join(lines)
