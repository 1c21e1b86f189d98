"""Metrics over time: a row per evaluation in metrics.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from distbelief.telemetry import files


class Evaluation(NamedTuple):
  """A row of metrics.csv."""

  seconds: float  # Since the first step's start.
  steps: int  # Minibatches applied.
  examples: int
  updates: int  # Versions of the slowest shard.
  train_loss: float  # Mean over the minibatches since the last row.
  holdout_loss: float
  holdout_accuracy: float  # NaN if the model has no such metric.
  more: Mapping[str, float] = {}  # The model's other metrics, by name.


_COLUMNS = Evaluation._fields[:-1]  # Columns of other metrics follow, holdout_<name>.
_PREFIX = 'holdout_'


def read_csv(workdir: Path | str) -> list[Evaluation]:
  """Returns the evaluations of a run so far, oldest first."""
  path = Path(workdir) / 'metrics.csv'
  if not path.exists():
    return []
  kinds = [float, int, int, int, float, float, float]
  with path.open(newline='') as file:
    rows = [row for row in csv.DictReader(file) if None not in row.values()]  # Torn.
  return [
    Evaluation._make(
      [
        *(kind(row.pop(name)) for kind, name in zip(kinds, _COLUMNS)),
        {n.removeprefix(_PREFIX): float(v) for n, v in row.items() if n and v},
      ]
    )
    for row in rows
  ]


def append_csv(workdir: Path, row: Evaluation) -> None:
  """Appends a row to metrics.csv."""
  path = workdir / 'metrics.csv'
  rows = read_csv(workdir)
  if rows and _other_columns(rows) == list(row.more):
    with path.open('a', newline='') as file:
      file.write(_as_csv([row], header=False))
  else:  # The first row, or the model's metrics have changed.
    files.write_whole(path, _as_csv([*rows, row], header=True))


def forget_after(workdir: Path, steps: int) -> None:
  """Drops the rows of metrics.csv that came after a checkpoint at `steps`."""
  kept = [row for row in read_csv(workdir) if row.steps <= steps]
  path = workdir / 'metrics.csv'
  if path.exists():
    files.write_whole(path, _as_csv(kept, header=True))


def _other_columns(rows: list[Evaluation]) -> list[str]:
  return list(dict.fromkeys(name for row in rows for name in row.more))


def _as_csv(rows: list[Evaluation], header: bool) -> str:
  text = io.StringIO()
  writer = csv.writer(text)
  others = _other_columns(rows)
  if header:
    writer.writerow([*_COLUMNS, *(f'{_PREFIX}{name}' for name in others)])
  for row in rows:
    values = [*row[:-1], *(row.more.get(name, '') for name in others)]
    writer.writerow([f'{v:.6g}' if isinstance(v, float) else v for v in values])
  return text.getvalue()
