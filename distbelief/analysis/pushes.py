"""Derives pushes from the step records: staleness, and pushes.csv."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from distbelief.telemetry import steps


def derive(records: np.ndarray, warmstart_steps: int = 0) -> np.ndarray:
  """Returns one record per push, in the order in which shard 0 applied them.

  Args:
    records: Records of the steps, [steps], see telemetry.records.
    warmstart_steps: Number of replica 0's first steps whose pushes are marked warm.

  Returns:
    Pushes, [pushes], with the staleness that each shard logged (contract 4; -1 if it did
    not apply the push, or that was undone).
  """
  shards = records['status'].shape[1]
  dtype = np.dtype(
    [
      *((name, '<i8') for name in ('replica', 'incarnation', 'sequence')),
      *((name, '<i8') for name in ('first_step', 'last_step', 'gradients')),
      ('warm', '?'),
      ('push_start', '<f8'),
      ('push_end', '<f8'),
      ('version_applied', '<i8', (shards,)),
      ('staleness', '<i8', (shards,)),
      ('status', 'u1', (shards,)),
    ]
  )
  order = np.lexsort(
    (records['step'], records['sequence'], records['incarnation'], records['replica'])
  )
  records = records[order]
  key = np.stack([records[n] for n in ('replica', 'incarnation', 'sequence')], axis=1)
  first = np.flatnonzero(np.r_[True, (key[1:] != key[:-1]).any(axis=1)][: len(key)])
  last = np.r_[first[1:], len(records)][: len(first)] - 1
  sent = records['pushed'][last]  # The other steps were never pushed.
  pushes = np.zeros([len(first)], dtype)
  if not len(pushes):
    return pushes
  for name in (
    *('replica', 'incarnation', 'sequence', 'gradients', 'push_start', 'push_end'),
    *('version_applied', 'status'),
  ):
    pushes[name] = records[name][last]
  pushes['first_step'], pushes['last_step'] = (
    records['step'][first],
    records['step'][last],
  )
  pushes['warm'] = (pushes['replica'] == 0) & (pushes['last_step'] < warmstart_steps)
  pushes['staleness'] = np.where(
    pushes['status'] == steps.Status.APPLIED,
    records['staleness'][last],
    steps.NOT_STALE,
  )
  pushes = pushes[sent]
  return pushes[np.argsort(pushes['version_applied'][:, 0], kind='stable')]


def counted(pushes: np.ndarray) -> np.ndarray:
  """Returns where pushes were applied, [pushes, shards] bool; warm start left out."""
  return (pushes['status'] == steps.Status.APPLIED) & ~pushes['warm'][:, np.newaxis]


def staleness(pushes: np.ndarray) -> np.ndarray:
  """Returns the staleness of every applied push at every shard, warm start left out."""
  return pushes['staleness'][counted(pushes)]


def write_csv(pushes: np.ndarray, path: Path) -> None:
  """Writes a row per push; fields per shard get a column per shard."""
  names, columns = [], []
  for name in steps.field_names(pushes.dtype):
    if pushes[name].ndim == 1:
      names.append(name)
      columns.append(pushes[name].tolist())
      continue
    for shard in range(pushes[name].shape[1]):
      names.append(f'{name}_{shard}')
      values = pushes[name][:, shard].tolist()
      if name == 'status':
        values = [steps.Status(value).name.lower() for value in values]
      columns.append(values)
  with path.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
