"""Compares runs in a table with one line per run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from distbelief import config as config_lib
from distbelief import errors
from distbelief.analysis import summary as summary_lib
from distbelief.experiments import tables

_LEGEND = (
  "machines: how much slower each replica's is; accuracy: of hold-out frames; to X:\n"
  'seconds until accuracy X; stale: updates by others between fetch and push, mean;\n'
  'waits: part of their time that replicas wait, mean.'
)


class Row(NamedTuple):
  """One finished run."""

  algorithm: str
  machines: str
  seconds: float
  steps: int
  examples_per_second: float
  holdout_accuracy: float | None
  target_accuracy: float | None
  seconds_to_target: float | None
  mean_staleness: float | None
  waiting: float | None  # Mean over the replicas of the fraction of time.
  provenance: Mapping[str, Any]  # The run's own.


def row(workdir: Path | str) -> Row:
  """Returns the results of a finished run.

  Raises:
    errors.UserError: If there is none.
  """
  try:
    summary = json.loads((Path(workdir) / 'summary.json').read_text())
    config = config_lib.from_json((Path(workdir) / 'config.json').read_text())
    return _row(config, summary)
  except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
    raise errors.UserError(
      f'{workdir} holds no finished run ({errors.without_path(error)}): name directories '
      'that have a summary.json'
    ) from error


def _row(config: ml_collections.ConfigDict, summary: Mapping[str, Any]) -> Row:
  return Row(
    algorithm=algorithm(config),
    machines=machines(config),
    seconds=summary['seconds'],
    steps=summary['steps'],
    examples_per_second=summary['examples_per_second'],
    holdout_accuracy=summary['holdout_accuracy'],
    target_accuracy=summary['target_accuracy'],
    seconds_to_target=summary['seconds_to_target'],
    mean_staleness=summary['staleness']['mean'],
    waiting=summary_lib.waiting(summary),
    provenance=summary['provenance'],
  )


def algorithm(config: ml_collections.ConfigDict) -> str:
  """Returns how the replicas are coupled, e.g. 'downpour +overlap'."""
  return config.algorithm + (' +overlap' if config_lib.overlaps(config) else '')


def machines(config: ml_collections.ConfigDict) -> str:
  """Returns each machine's slowdown, e.g. '1 1 1 4': the last one is 4x slower."""
  replicas = config_lib.num_replicas(config)
  # Without padding, factors slow down the simulator's machines.
  if not (config.cluster.step_seconds or config.cluster.slowdown):
    return f'{replicas} as is'
  factors = (config.cluster.slowdown or (1,) * replicas)[:replicas]
  if len(factors) > 8:
    return f'{replicas}: {min(factors):g}-{max(factors):g}'
  return ' '.join(f'{factor:g}' for factor in factors)


def table(rows: Sequence[Row]) -> str:
  """Returns the runs as aligned text, with a legend; 80 columns unless names are long."""
  targets = {r.target_accuracy for r in rows if r.target_accuracy is not None}
  target = f'to {min(targets):g}' if len(targets) == 1 else 'to target'
  head = (
    *('algorithm', 'machines', 'seconds', 'steps', 'examples/s', 'accuracy'),
    *(target, 'stale', 'waits'),
  )
  lines = [
    (
      r.algorithm,
      r.machines,
      f'{r.seconds:.1f}',
      f'{r.steps}',
      f'{r.examples_per_second:.0f}',
      '-' if r.holdout_accuracy is None else f'{r.holdout_accuracy:.3f}',
      _seconds_to_target(r),
      '-' if r.mean_staleness is None else f'{r.mean_staleness:.2f}',
      '-' if r.waiting is None else f'{r.waiting:.0%}',
    )
    for r in rows
  ]
  return '\n'.join([tables.text(head, lines, num_left=2), '', _LEGEND])


def _seconds_to_target(row: Row) -> str:
  if row.target_accuracy is None:
    return '-'
  return 'never' if row.seconds_to_target is None else f'{row.seconds_to_target:.1f}'
