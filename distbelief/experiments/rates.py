"""Each algorithm's best rate, so that none is compared at a rate that suits another."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from distbelief.algorithms import catalog
from distbelief.experiments import runs

RATES = (0.01, 0.02, 0.04, 0.08, 0.16)  # A grid to begin with.

_KEPT = ('seconds', 'steps', 'updates', 'holdout_accuracy', 'seconds_to_target')


def grid(
  config: str | ml_collections.ConfigDict,
  workdir: Path,
  algorithms: Sequence[str],
  rates: Sequence[float],
  seeds: Sequence[int],
  say: Callable[[str], None],
  *,
  num_steps: int | None = None,
  clock: str = 'cluster',
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
  """Trains a config by every algorithm at every rate.

  Args:
    config: Config, or path of a config file.
    workdir: Directory of the runs; finished ones are not repeated.
    algorithms: Names of algorithms.
    rates: Learning rates to try.
    seeds: Seeds to try each of them with.
    say: Function that shows a line.
    num_steps: Number of minibatches; None: that of the config.
    clock: Clock backend of the runs.

  Returns:
    Results per algorithm: the runs, the mean over the seeds of the hold-out accuracy (of
    the loss, if there is none) at every rate, and the best rate; and the provenance of
    each run.
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
        summary = runs.finish(config, folder, {**fields, **length}, clock)
        row = {'rate': rate, 'seed': seed, **{name: summary[name] for name in _KEPT}}
        row['holdout_loss'] = summary['holdout_metrics'].get('loss')
        say(json.dumps({'algorithm': algorithm, **row}))
        rows.append(row)
        trained.append(summary['provenance'])
    has_accuracy = rows[0]['holdout_accuracy'] is not None
    score = 'holdout_accuracy' if has_accuracy else 'holdout_loss'
    means = {
      rate: float(np.mean([row[score] for row in rows if row['rate'] == rate]))
      for rate in rates
    }
    sign = 1 if has_accuracy else -1
    best = max(means, key=lambda rate: np.nan_to_num(sign * means[rate], nan=-np.inf))
    found[algorithm] = {
      'field': f'config.{field}',
      'best_rate': best,
      f'mean_{score}_by_rate': means,
      'at_the_end_of_the_grid': best in (min(rates), max(rates)),
      'runs': rows,
    }
  return found, trained


def best(found: dict[str, Any]) -> str:
  """Returns a line for each algorithm: its best rate, as it is typed."""
  lines = []
  for algorithm, result in found.items():
    edge = ' (the end of the grid: try beyond)' * result['at_the_end_of_the_grid']
    lines.append(f'{algorithm}: --{result["field"]}={result["best_rate"]:g}{edge}')
  return '\n'.join(lines)
