"""Each algorithm's best rate: nothing is compared at a rate that suits one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distbelief.algorithms import catalog
from distbelief.experiments import runs

_KEPT = ('seconds', 'steps', 'updates', 'holdout_accuracy', 'seconds_to_target')


def grid(
  config: str,
  workdir: Path,
  algorithms: Sequence[str],
  rates: Sequence[float],
  seeds: Sequence[int],
  say: Callable[[str], None],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
  """Trains a config by every algorithm at every rate.

  Args:
    config: Path of a config file.
    workdir: Where the runs go; finished ones are not repeated.
    algorithms: Names.
    rates: To try.
    seeds: To try each with.
    say: Shows a line.

  Returns:
    Per algorithm the runs, the mean hold-out accuracy over the seeds at every rate, and
    the best rate; and the provenance of each run.
  """
  found: dict[str, Any] = {}
  trained = []
  for algorithm in algorithms:
    field, rows = catalog.get(algorithm).learning_rate_fields[0], []
    for rate in rates:
      for seed in seeds:
        folder = workdir / f'{algorithm}-{rate:g}-seed-{seed}'
        fields = {'algorithm': algorithm, 'seed': seed, field: rate}
        summary = runs.finish(config, folder, fields)
        row = {'rate': rate, 'seed': seed, **{name: summary[name] for name in _KEPT}}
        say(json.dumps({'algorithm': algorithm, **row}))
        rows.append(row)
        trained.append(summary['provenance'])
    means = {
      rate: sum(r['holdout_accuracy'] for r in rows if r['rate'] == rate) / len(seeds)
      for rate in rates
    }
    best = max(means, key=means.get)
    found[algorithm] = {
      'field': f'config.{field}',
      'best_rate': best,
      'mean_holdout_accuracy_by_rate': means,
      'at_the_end_of_the_grid': best in (min(rates), max(rates)),
      'runs': rows,
    }
  return found, trained
