"""summary.json: the results of a finished run; written last and atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from distbelief.analysis import pushes, utilisation
from distbelief.telemetry import files, metrics, steps

# Factor on the loss of the first step above which a run has diverged.
_WORSE = 3.0


def staleness(derived: np.ndarray) -> dict[str, float | None]:
  """Returns mean, p50, p95 and max over all applied pushes and shards.

  Args:
    derived: Pushes of analysis.pushes; warm-start pushes are left out.
  """
  values = pushes.staleness(derived)
  if not len(values):
    return {'mean': None, 'p50': None, 'p95': None, 'max': None}
  return {
    'mean': float(values.mean()),
    'p50': float(np.percentile(values, 50)),
    'p95': float(np.percentile(values, 95)),
    'max': int(values.max()),
  }


def status_counts(records: np.ndarray) -> dict[str, int]:
  """Returns the number of recorded steps by the name of their status at any shard.

  A step counts as applied only if every shard of its launch applied it.
  """
  fine = _has_status(records, steps.Status.APPLIED)
  others = np.where(fine, steps.Status.LOST, records['status']).max(axis=1)
  worst = np.where(fine.all(axis=1), steps.Status.APPLIED, others)
  return {s.name.lower(): int((worst == s).sum()) for s in steps.Status}


def _has_status(records: np.ndarray, *wanted: steps.Status) -> np.ndarray:
  """Returns where a step has one of these statuses, [steps, shards].

  True as well for shards that its launch did not have, if another launch had more.
  """
  return (records['version_held'] < 0) | np.isin(records['status'], wanted)


def replica_table(
  records: np.ndarray,
  num_replicas: int,
  overlap: bool,
  warmstart_steps: int,
  everything: np.ndarray | None = None,
) -> list[dict[str, float | None]]:
  """Returns per replica its steps and the fractions of time of each kind.

  The time counted begins when the warm start is over, for all replicas, and ends with
  the run's last step. Between two windows a replica has no steps to do until the chief
  schedules the next one, and the first step of a window waits for that. Waiting is the
  remainder after this and computing, and in the blocking cycle after fetching and
  pushing; with overlap, fetches and pushes run beside the computing, so the fractions add
  up to more than 1. If all was warm start, there is no time to count, and the fractions
  are None.

  Args:
    records: Records of one launch, [steps].
    num_replicas: Number of rows to return.
    overlap: Whether fetches and pushes overlap computing, config.downpour.overlap.
    warmstart_steps: Steps of the warm start, config.downpour.warmstart_steps.
    everything: Records of all launches, whose steps are counted, [steps]; default:
      records.
  """
  everything = records if everything is None else everything
  warm = (records['replica'] == 0) & (records['step'] < warmstart_steps)
  timed = records[~warm]
  counted = _has_status(everything, steps.Status.APPLIED, steps.Status.DROPPED).all(
    axis=1
  )
  table = []
  for replica in range(num_replicas):
    own_steps = int(((everything['replica'] == replica) & counted).sum())
    own = timed[timed['replica'] == replica]
    table.append(
      {'replica': replica, 'steps': own_steps, **_fractions(own, timed, overlap)}
    )
  return table


def _fractions(
  own: np.ndarray, everyone: np.ndarray, overlap: bool
) -> dict[str, float | None]:
  if not len(everyone):
    kinds = ('computing', 'fetching', 'pushing', 'between_windows', 'waiting')
    return dict.fromkeys(kinds)
  start, end = utilisation.span(everyone)
  computing, fetching, pushing = (
    float(np.nansum(own[f'{kind}_end'] - own[f'{kind}_start']) / (end - start))
    for kind in ('compute', 'fetch', 'push')
  )
  opening = own[own['opens_window']]
  between = float(np.nansum(opening['wait_end'] - opening['wait_start']) / (end - start))
  taken = computing + between + (0.0 if overlap else fetching + pushing)
  return {
    'computing': computing,
    'fetching': fetching,
    'pushing': pushing,
    'between_windows': between,
    'waiting': max(0.0, 1.0 - taken),
  }


def seconds_to_target(
  evaluations: list[metrics.Evaluation], target: float | None
) -> float | None:
  """Returns when hold-out accuracy first reached `target`, or None if it never did."""
  if target is None:
    return None
  reached = [row.seconds for row in evaluations if row.holdout_accuracy >= target]
  return reached[0] if reached else None


def waiting(fields: Mapping[str, Any]) -> float | None:
  """Returns the mean fraction of their time that replicas waited; None if not known.

  Args:
    fields: Fields of a summary.
  """
  known = [row['waiting'] for row in fields['replicas'] if row['waiting'] is not None]
  return float(np.mean(known)) if known else None


def final(fields: Mapping[str, Any]) -> dict[str, float | None]:
  """Returns the final results of a run, by the tags of telemetry.board.FINAL.

  Args:
    fields: Fields of its summary.
  """
  return {
    'summary/holdout_accuracy': fields['holdout_accuracy'],
    'summary/holdout_loss': fields['holdout_metrics'].get('loss'),
    'summary/seconds': fields['seconds'],
    'summary/seconds_to_target': fields['seconds_to_target'],
    'summary/examples_per_second': fields['examples_per_second'],
    'summary/staleness_mean': fields['staleness']['mean'],
    'summary/waiting': waiting(fields),
  }


def write(path: Path, fields: dict[str, Any]) -> None:
  """Writes the summary so that a reader sees all of it or none."""
  files.write_whole(path, json.dumps(fields, indent=2) + '\n')


def doubts(fields: Mapping[str, Any], records: np.ndarray) -> list[str]:
  """Returns lines on what went wrong in a run that has ended all the same.

  Args:
    fields: Fields of its summary.
    records: Step records of all its launches.
  """
  lines = []
  dropped = fields['steps_by_status']['dropped']
  if dropped:
    lines.append(
      f'{dropped} of {fields["steps"]} steps had a gradient that was not finite: dropped'
    )
  loss = fields['holdout_metrics'].get('loss')
  losses = records['loss'][np.argsort(records['compute_end'], kind='stable')]
  losses = losses[: np.count_nonzero(~np.isnan(records['compute_end']))]
  before, is_worse = '', False
  if len(losses):
    first, last = losses[0], losses[-(len(losses) // 10 + 1) :].mean()
    before = f', and the training loss began at {first:.4g}'
    # Of both: the hold-out loss of a model that learns its data by heart grows as well.
    is_worse = bool(loss and loss > _WORSE * first > 0 and not last <= first)
  if is_worse or (loss is not None and not np.isfinite(loss)):
    lines.append(
      f'the run diverged: its hold-out loss is {loss:.4g}{before}; try a smaller '
      'config.server.learning_rate, or look for huge numbers in the data'
    )
  return lines


def headline(config: ml_collections.ConfigDict, fields: dict[str, Any]) -> str:
  """Returns the lines that end a run on the screen."""
  stale = fields['staleness']['mean']
  staleness_text = '-' if stale is None else f'{stale:.2f}'
  found = {'accuracy': fields['holdout_accuracy'], **fields['holdout_metrics']}
  scores = [f'{name} {value:.4f}' for name, value in found.items() if value is not None]
  unit = 'simulated s' if fields['clock'] == 'virtual' else 's'
  lines = [
    f'{fields["steps"]} steps of {config.data.batch_size} examples in '
    f'{fields["seconds"]:.1f} {unit} ({fields["examples_per_second"]:.0f} examples/s, '
    f'start-up {fields["startup_seconds"]:.1f} s)',
    f'hold-out {", ".join(scores)}; mean staleness {staleness_text}',
  ]
  if config.target_accuracy is not None:
    reached = fields['seconds_to_target']
    when = 'never' if reached is None else f'after {reached:.1f} s'
    lines.append(f'target accuracy {config.target_accuracy:g} reached {when}')
  return '\n'.join(lines)
