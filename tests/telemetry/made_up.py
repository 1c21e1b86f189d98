"""Rows, logs and records as replicas and shards would have sent them."""

import numpy as np

from distbelief.telemetry import records as records_lib
from distbelief.telemetry import steps

APPLIED, DROPPED, LOST = steps.Status.APPLIED, steps.Status.DROPPED, steps.Status.LOST
UNDONE = steps.Status.UNDONE


def row(step, held=(0,), **columns):
  """One step's row; by default it ends a push of its own, and its times are made up."""
  values = {
    'replica': 0,
    'incarnation': 0,
    'step': step,
    'batch': step,
    'sequence': step,
    'pushed': 1,
    'gradients': 1,
    'fresh': 1,
    'opens_window': 0,
    'loss': step + 0.5,
    'accuracy': 0.25,
    'wait_start': step,
    'wait_end': step + 0.1,
    'fetch_start': step + 0.1,
    'fetch_end': step + 0.2,
    'compute_start': step + 0.2,
    'compute_end': step + 0.8,
    **columns,
  }
  return steps.row(values, held)


def push(first, last, held=(0,), **columns):
  """The rows of a push that carries the steps first..last, its number being `last`."""
  return [
    row(
      step,
      held,
      **{
        'sequence': last,
        'pushed': step == last,
        'gradients': last + 1 - first if step == last else 0,
        **columns,
      },
    )
    for step in range(first, last + 1)
  ]


def log(version, rows, status=APPLIED, shard=0):
  """What a shard logs of one push that made `version`."""
  oldest = min(row[len(steps.COLUMNS) + shard] for row in rows)
  marks = {
    'version_applied': version,
    'status': status,
    'applied_at': 1000 + version,
    'update_end': 1000.25 + version,
    'staleness': version - 1 - oldest if status == APPLIED else -1,
  }
  return np.array([[*steps.marks(marks), *row] for row in rows], np.float64)


def records(*made, num_shards=1):
  """Records of (columns and what else differs from an applied step) each.

  Their staleness is that of their versions.
  """
  result = np.zeros([len(made)], steps.record_dtype(num_shards))
  result['status'] = APPLIED
  result['push_start'] = result['push_end'] = np.nan
  for record, fields in zip(result, made):
    for name, value in fields.items():
      record[name] = value
  result['staleness'] = records_lib.derived_staleness(result)
  return result
