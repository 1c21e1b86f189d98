"""The data of a replica's step: columns of a row that travels, and the record on disk.

A replica sends its steps' rows with the push that carries their gradients; each shard
logs them with the update that it made. The chief (or worker 0, where replicas update
without a parameter server) joins both into one fixed-size record per step.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Status(enum.IntEnum):
  """The outcome of a step's gradient at one shard."""

  LOST = 0  # Never applied here: its replica died first, or was declared dead.
  APPLIED = 1
  DROPPED = 2  # Not finite, so not sent; counted as a step all the same.
  UNDONE = 3  # Applied, then rolled back to a checkpoint.


# Columns of a row, float64 on the wire (exact for integers up to 2^53); one column per
# shard follows them: the version of the parameters used, as fetched.
COLUMNS = (
  'replica',
  'incarnation',
  'step',
  'batch',
  'sequence',
  'pushed',
  'gradients',
  'fresh',
  'opens_window',
  'loss',
  'accuracy',
  'fetch_start',
  'fetch_end',
  'compute_start',
  'compute_end',
  'wait_start',
  'wait_end',
)
COLUMN = {name: index for index, name in enumerate(COLUMNS)}

# Columns that identify the push of a row, and are known when that is packed; the rest is
# noted at every step.
OF_PUSH = (
  'replica',
  'incarnation',
  'step',
  'batch',
  'sequence',
  'pushed',
  'gradients',
)


class Times(NamedTuple):
  """When a step fetched, computed and waited; NaN where it did not."""

  fetch_start: float = float('nan')
  fetch_end: float = float('nan')
  compute_start: float = float('nan')
  compute_end: float = float('nan')
  wait_start: float = float('nan')
  wait_end: float = float('nan')


# The first step of a window waits until the chief has scheduled that window:
# 'opens_window' marks it, so that this time can be told from other waiting.

# A Downpour step waits (for its minibatch, and for overlapping transfers) before it
# fetches and computes; a synchronous one computes, waits for the others at the barrier,
# and then takes part in the all-reduce, which is recorded in place of a push. So a step
# starts with the end of its wait, or with its computing.
STARTS = ('wait_end', 'compute_start')

# The shard's columns before each row in its log: its version after the push, the push's
# status, when the update began (under the lock) and ended, and the push's staleness as
# the shard computed it under the lock; -1: the push was not applied.
LOG_COLUMNS = ('version_applied', 'status', 'applied_at', 'update_end', 'staleness')
LOG_COLUMN = {name: index for index, name in enumerate(LOG_COLUMNS)}
NOT_STALE = -1

# Columns of a shard's table of clients, one row per replica: its newest incarnation, the
# sequence of its last push applied, the step after that, and the number of its steps
# counted here.
INCARNATION, SEQUENCE, NEXT_STEP, COUNTED = range(4)
NO_CLIENT = (-1, -1, 0, 0)


def row_width(num_shards: int) -> int:
  """Returns the number of columns of a row."""
  return len(COLUMNS) + num_shards


def row(values: Mapping[str, Any], held: Iterable[Any]) -> list[Any]:
  """Returns a row's elements in their order.

  Args:
    values: Value of each column, of any type.
    held: Version of each shard's parameters that the step used.
  """
  return [*_in_order(values, COLUMNS), *held]


def marks(values: Mapping[str, Any]) -> list[Any]:
  """Returns the shard's elements before a row, in their order."""
  return _in_order(values, LOG_COLUMNS)


def log_row(
  of_shard: Mapping[str, Any], of_step: Mapping[str, Any], held: Iterable[Any]
) -> list[Any]:
  """Returns the elements of a row as a shard logs it; see `marks` and `row`."""
  return [*marks(of_shard), *row(of_step, held)]


def _in_order(values: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
  if values.keys() != set(names):
    differing = ', '.join(sorted(values.keys() ^ set(names)))
    raise KeyError(f'missing, or not a column: {differing}')
  return [values[name] for name in names]


def first_start(wait_end: np.ndarray, compute_start: np.ndarray) -> float:
  """Returns the start of the first of some steps; the columns are those of STARTS."""
  return float(np.nanmin([wait_end, compute_start]))


def counted_by_all(clients: np.ndarray) -> np.ndarray:
  """Returns the number of steps of each replica that every shard has counted, [replicas].

  A push that reached one shard only, before its replica died, counts nowhere: its steps
  are done again.

  Args:
    clients: Tables of clients of the shards, [shards, replicas, 4] int64.
  """
  return clients[..., COUNTED].min(axis=0)


_KINDS = {
  'replica': '<i4',
  'incarnation': '<i4',
  'step': '<i8',
  'batch': '<i8',
  'sequence': '<i8',
  'pushed': '?',
  'gradients': '<i4',
  'fresh': '?',
  'opens_window': '?',
}


def is_counted(status: np.ndarray) -> np.ndarray:
  """Returns which steps count as done, of `status` of any shape: applied, or dropped."""
  return (status == Status.APPLIED) | (status == Status.DROPPED)


def field_names(dtype: np.dtype) -> tuple[str, ...]:
  """Returns the names of a record's fields.

  Raises:
    TypeError: If the type is not structured.
  """
  if dtype.names is None:
    raise TypeError(f'{dtype} has no fields')
  return dtype.names


def record_dtype(num_shards: int) -> np.dtype:
  """Returns the layout of one step record.

  Times are seconds since the epoch (under the virtual clock: simulated seconds since the
  run began) on the clock of the replica's machine (applied_at
  and update_end: of the shard's; all of worker 0's, whose update has the place of a
  shard's, where there is no parameter server); NaN where nothing happened or nothing is
  known.

  Args:
    num_shards: Number of shards; fields per shard are arrays of this length.
  """
  columns: list[Any] = [(name, _KINDS.get(name, '<f8')) for name in COLUMNS]
  per_shard = [
    ('version_held', '<i8', (num_shards,)),
    ('version_applied', '<i8', (num_shards,)),
    ('status', 'u1', (num_shards,)),
    ('applied_at', '<f8', (num_shards,)),
    ('update_end', '<f8', (num_shards,)),
    ('staleness', '<i8', (num_shards,)),
  ]
  return np.dtype([*columns, ('push_start', '<f8'), ('push_end', '<f8'), *per_shard])
