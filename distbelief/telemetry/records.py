"""Step records on disk: one fixed-size record per step, joined from logs and windows.

The shards' logs hold every push, with the rows of its steps (telemetry/steps.py); results
of windows add when pushes began and ended, and steps not yet pushed. Whatever arrives
first creates the record, the rest fills it in, in place. Each launch of a run writes a
file of its own, steps/000.bin, 001.bin, ..., since the number of shards may change.

Format 3 has the staleness that a shard computed. Format 2, which has not, can be read as
well: staleness is then derived from versions.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from distbelief import errors
from distbelief.algorithms import downpour
from distbelief.telemetry import steps

_HEADER_BYTES = 4096
_FORMAT = 3
_WITHOUT_STALENESS = 2  # The previous format.
_SHARD_TIMES = ('applied_at', 'update_end')
_NUM_COLUMNS = len(steps.COLUMNS)
_NUM_MARKS = len(steps.LOG_COLUMNS)

Incarnation: TypeAlias = tuple[int, int]  # (replica, incarnation).


class Recorder:
  """Writes one launch's records; for the leader alone (the chief, or worker 0).

  Attributes:
    header: Header of the file.
  """

  def __init__(
    self,
    path: Path,
    num_shards: int,
    num_replicas: int,
    shard_bytes: Sequence[int],
    clock: str = 'cluster',
  ) -> None:
    """Creates a file.

    Args:
      path: Path of the new file.
      num_shards: Parameter server shards of this launch.
      num_replicas: Replicas of this launch; subsets of the data depend on it.
      shard_bytes: Bytes that each shard sends with a fetch, and receives with a push.
      clock: Clock backend of the times: cluster or virtual.
    """
    self._path = path
    self._dtype = steps.record_dtype(num_shards)
    self.header = {
      'format': _FORMAT,
      'num_shards': num_shards,
      'num_replicas': num_replicas,
      'shard_bytes': [int(size) for size in shard_bytes],
      'clock': clock,
      'started': datetime.datetime.now(datetime.UTC).isoformat(),
      'dtype': self._dtype.descr,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
      raise FileExistsError(path)
    partial = path.with_suffix('.partial')
    self._file = partial.open('wb')
    self._file.write(json.dumps(self.header).encode().ljust(_HEADER_BYTES))
    self._file.flush()
    partial.rename(path)  # A reader that finds the file finds its header.
    self._count = 0
    self._mapped = np.empty([0], self._dtype)
    # Index in the file of the record of a step, and of the last step of a push.
    self._of_step: dict[Incarnation, np.ndarray] = {}
    self._of_push: dict[Incarnation, np.ndarray] = {}
    self._push_times: list[tuple[Incarnation, int, float, float]] = []

  @property
  def records(self) -> np.ndarray:
    """All records of this launch so far, [steps], writable in place."""
    if len(self._mapped) != self._count:  # Mapping a file is slow.
      mapped = np.memmap(self._path, self._dtype, 'r+', _HEADER_BYTES, (self._count,))
      self._mapped = np.asarray(mapped)  # Faster access to fields.
    return self._mapped

  def add_log(self, shard: int, log: np.ndarray) -> None:
    """Adds rows of a shard's log.

    Args:
      shard: Index of the shard.
      log: Rows of the log, [., LOG_COLUMNS + columns + shards] float64, oldest first.
    """
    marks, rows = log[:, :_NUM_MARKS], log[:, _NUM_MARKS:]
    clients = _by_incarnation(rows)
    where = np.empty([len(rows)], np.int64)
    for key, own in clients:
      where[own] = self._places(key, rows[own])
    self._file.flush()
    records = self.records
    # Pushes of a replaced incarnation are lost; one that it repeats after it was applied
    # stays applied.
    news = (marks[:, steps.LOG_COLUMN['status']] != steps.Status.LOST) | (
      records['status'][where, shard] == steps.Status.LOST
    )
    self._fill(records, where[news], rows[news])
    for name, column in steps.LOG_COLUMN.items():
      records[name][where[news], shard] = marks[news, column]
    ends = news & (rows[:, steps.COLUMN['pushed']] == 1)
    sequence = rows[:, steps.COLUMN['sequence']].astype(np.int64)
    for key, own in clients:
      own = own[ends[own]]
      self._of_push[key] = _put(self._of_push.get(key), sequence[own], where[own])
    self._place_push_times()

  def add_window(self, key: Incarnation, pushes: np.ndarray, pending: np.ndarray) -> None:
    """Adds the result of a window.

    Args:
      key: Replica and incarnation that ran the window.
      pushes: Sequence, start and end of each push, [., 3] float64; times NaN: no push.
      pending: Rows of steps not yet pushed, [., columns + shards] float64.
    """
    if len(pending):
      where = self._places(key, pending)
      self._file.flush()
      unknown = where[self.records['status'][where].max(axis=1) == steps.Status.LOST]
      self._fill(self.records, unknown, pending[np.isin(where, unknown)])
    self._push_times += [
      (key, int(sequence), start, end) for sequence, start, end in pushes if end == end
    ]
    self._place_push_times()

  def close(self) -> None:
    """Closes the file; the records stay."""
    self._file.close()

  def _places(self, key: Incarnation, rows: np.ndarray) -> np.ndarray:
    """Returns the index of each row's record in the file; creates missing ones."""
    step = rows[:, steps.COLUMN['step']].astype(np.int64)
    known = _get(self._of_step.get(key), step)
    fresh = known < 0
    if fresh.any():
      known[fresh] = self._count + np.arange(fresh.sum())
      empty = np.zeros([int(fresh.sum())], self._dtype)
      for name in steps.field_names(self._dtype):  # A kill may leave these defaults.
        if name.endswith(('_start', '_end')) or name in _SHARD_TIMES:
          empty[name] = np.nan
      empty['version_applied'] = -1
      empty['staleness'] = steps.NOT_STALE
      self._file.write(empty.tobytes())
      self._count += len(empty)
      self._of_step[key] = _put(self._of_step.get(key), step, known)
    return known

  def _fill(self, records: np.ndarray, where: np.ndarray, rows: np.ndarray) -> None:
    for name, column in steps.COLUMN.items():
      records[name][where] = rows[:, column]
    records['version_held'][where] = rows[:, _NUM_COLUMNS:]

  def _place_push_times(self) -> None:
    left = []
    records = self.records
    for key, sequence, start, end in self._push_times:
      (where,) = _get(self._of_push.get(key), np.array([sequence]))
      if where < 0:
        left.append((key, sequence, start, end))
      else:
        records['push_start'][where], records['push_end'][where] = start, end
    self._push_times = left


def _by_incarnation(rows: np.ndarray) -> list[tuple[Incarnation, np.ndarray]]:
  """Returns the indices of the rows of each incarnation, in their order."""
  keys = rows[:, [steps.COLUMN['replica'], steps.COLUMN['incarnation']]].astype(np.int64)
  found, which = np.unique(keys, axis=0, return_inverse=True)
  order = np.argsort(which.ravel(), kind='stable')
  starts = np.cumsum(np.bincount(which.ravel()))[:-1]
  return [(tuple(key), own) for key, own in zip(found.tolist(), np.split(order, starts))]


def _get(table: np.ndarray | None, index: np.ndarray) -> np.ndarray:
  found = np.full(index.shape, -1, np.int64)
  if table is not None:
    inside = index < len(table)
    found[inside] = table[index[inside]]
  return found


def _put(table: np.ndarray | None, index: np.ndarray, value: np.ndarray) -> np.ndarray:
  table = np.empty([0], np.int64) if table is None else table
  if len(index) and index.max() >= len(table):
    grown = np.full([2 * int(index.max()) + 2], -1, np.int64)
    grown[: len(table)] = table
    table = grown
  table[index] = value
  return table


def files(workdir: Path | str) -> list[Path]:
  """Returns the files of step records of a run, one per launch, oldest first."""
  return sorted(Path(workdir).glob('steps/*.bin'))


def header(path: Path) -> dict[str, Any]:
  """Returns the header of a file of records.

  Raises:
    errors.UserError: If another version of this package wrote it.
  """
  with path.open('rb') as file:
    found = json.loads(file.read(_HEADER_BYTES))
  if found['format'] not in (_FORMAT, _WITHOUT_STALENESS):
    raise errors.UserError(
      f'{path} has format {found["format"]}, not {_FORMAT} or {_WITHOUT_STALENESS}: read '
      'it with the version of distbelief that its summary.json names, or train anew'
    )
  return {'clock': 'cluster', **found}  # Default for files without this field.


def open_file(path: Path, mode: Literal['r', 'r+'] = 'r') -> np.ndarray:
  """Returns one launch's records, mapped to memory; of an older format, a copy.

  Args:
    path: Path of the file.
    mode: Mode of the mapping: 'r', or 'r+' to change records in place; these have the
      fields of their format.
  """
  found = header(path)
  dtype = np.dtype(
    [(name, kind, *map(tuple, shape)) for name, kind, *shape in found['dtype']]
  )
  count = (path.stat().st_size - _HEADER_BYTES) // dtype.itemsize  # A torn end is cut.
  mapped = np.empty([0], dtype)
  if count > 0:
    mapped = np.memmap(path, dtype, mode, _HEADER_BYTES, (count,))
  if mode == 'r' and found['format'] == _WITHOUT_STALENESS:
    widened = _widened(mapped, found['num_shards'])
    widened['staleness'] = derived_staleness(mapped)
    return widened
  return mapped


def derived_staleness(records: np.ndarray) -> np.ndarray:
  """Returns the staleness of each step's push, derived from versions, [steps, shards].

  Shards log the staleness that they compute; this is for records of an older format, and
  for tests.

  Args:
    records: Records of all steps of each push, [steps], in any order.
  """
  found = np.full(records['status'].shape, steps.NOT_STALE, np.int64)
  if not len(records):
    return found
  key = ('replica', 'incarnation', 'sequence')
  order = np.lexsort([records[name] for name in key])
  ordered = records[order]
  first = np.logical_or.reduce([np.diff(ordered[n], prepend=-2) != 0 for n in key])
  first[0] = True
  oldest = downpour.oldest_versions(ordered['version_held'], np.flatnonzero(first))
  stale = downpour.staleness(ordered['version_applied'], oldest[np.cumsum(first) - 1])
  applied = ordered['status'] == steps.Status.APPLIED
  found[order] = np.where(applied, stale, steps.NOT_STALE)
  return found


def read(workdir: Path | str) -> np.ndarray:
  """Returns all step records of a run as a structured array [steps].

  Args:
    workdir: The run's directory. Where launches differ in their number of shards, the
      fields per shard are as long as the longest, and filled with -1, NaN and LOST.
  """
  return join([np.array(open_file(path)) for path in files(workdir)])


def join(parts: Sequence[np.ndarray]) -> np.ndarray:
  """Returns the records of several launches as one array, in the order of `read`."""
  if not parts:
    return np.empty([0], steps.record_dtype(1))
  # In the order in which the steps ended, not in which they reached the leader.
  parts = [part[np.argsort(part['compute_end'], kind='stable')] for part in parts]
  widest = max(part.dtype['status'].shape[0] for part in parts)
  return np.concatenate([_widened(part, widest) for part in parts])


def _widened(part: np.ndarray, num_shards: int) -> np.ndarray:
  """Returns records in the current layout, with fields for so many shards."""
  width = part.dtype['status'].shape[0]
  if part.dtype == steps.record_dtype(num_shards):
    return part
  wide = np.zeros(part.shape, steps.record_dtype(num_shards))
  for name in steps.field_names(part.dtype):
    if part[name].ndim == 1:
      wide[name] = part[name]
    else:
      empty = dict.fromkeys(_SHARD_TIMES, np.nan) | {'status': steps.Status.LOST}
      wide[name] = empty.get(name, -1)
      wide[name][:, :width] = part[name]
  return wide


def mark_undone(workdir: Path | str, launch: int, clients: np.ndarray) -> int:
  """Marks steps that shards applied after a checkpoint; returns their number.

  Args:
    workdir: The run's directory.
    launch: Index of the launch (and so of its file) that wrote the checkpoint.
    clients: Tables of clients in the checkpoint, [shards, replicas, 4] int64; pushes of
      an incarnation that they do not count are undone.
  """
  undone = 0
  for path in files(workdir):
    if int(path.stem) < launch:
      continue
    records = open_file(path, 'r+')
    status = records['status']
    counted = steps.is_counted(status)
    if int(path.stem) == launch:
      kept = clients[:, records['replica']].transpose(1, 0, 2)  # [steps, shards, 4]
      incarnation = records['incarnation'][:, np.newaxis]
      sequence = records['sequence'][:, np.newaxis]
      counted &= (incarnation > kept[..., steps.INCARNATION]) | (
        (incarnation == kept[..., steps.INCARNATION])
        & (sequence > kept[..., steps.SEQUENCE])
      )
    status[counted] = steps.Status.UNDONE
    undone += int(counted.any(axis=1).sum())
  return undone


def newest_incarnations(workdir: Path | str, num_replicas: int) -> np.ndarray:
  """Returns the largest recorded incarnation of each replica, [replicas]; -1: none."""
  newest = np.full([num_replicas], -1, np.int64)
  for path in files(workdir):
    records = open_file(path)
    inside = records['replica'] < num_replicas
    np.maximum.at(newest, records['replica'][inside], records['incarnation'][inside])
  return newest
