"""Results of experiments on disk: every number with its provenance."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from distbelief.telemetry import files, provenance

_KEPT = ('git', 'host', 'processor', 'processors', 'packages', 'settings')


def write(
  path: str | Path, found: Mapping[str, Any], runs: Iterable[Mapping[str, Any]] = ()
) -> None:
  """Writes results as JSON, with the provenance of this process and of the runs.

  Args:
    path: Path of the file.
    found: Fields to write.
    runs: Provenance of each run that the results rest on; runs may be older, and of
      another machine.
  """
  path = Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  origin = provenance.Invocation.of_this_process()
  fields = {**found, 'provenance': provenance.collect(origin)}
  if trained := distinct(runs):
    fields['trained'] = trained
  files.write_whole(path, json.dumps(fields, indent=2) + '\n')


def or_null(value: float) -> float | None:
  """Returns a number as a JSON file has it: null if it is not finite."""
  return float(value) if math.isfinite(value) else None


def distinct(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Returns the distinct code and machines of the runs, with their numbers and times."""
  started: dict[str, list[str]] = {}
  for run in runs:
    key = json.dumps({name: run.get(name) for name in _KEPT}, sort_keys=True)
    started.setdefault(key, []).append(run.get('started', ''))
  return [
    {**json.loads(key), 'runs': len(times), 'first': min(times), 'last': max(times)}
    for key, times in started.items()
  ]
