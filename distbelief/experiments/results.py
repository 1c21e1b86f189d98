"""What an experiment found, on disk: every number with where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from distbelief.telemetry import files, provenance

_KEPT = ('git', 'host', 'processor', 'processors', 'packages', 'settings')


def write(
  path: str | Path, found: Mapping[str, Any], runs: Iterable[Mapping[str, Any]] = ()
) -> None:
  """Writes what was found as JSON, with the provenance of this process and of the runs.

  Args:
    path: The file.
    found: Fields to write.
    runs: The provenance of each run that this rests on; they may be older, and another
      machine's.
  """
  path = Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  origin = provenance.Invocation.of_this_process()
  fields = {**found, 'provenance': provenance.collect(origin)}
  if trained := _distinct(runs):
    fields['trained'] = trained
  files.write_whole(path, json.dumps(fields, indent=2) + '\n')


def _distinct(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Returns on what code and machines the runs were made, how many, and when."""
  started: dict[str, list[str]] = {}
  for run in runs:
    key = json.dumps({name: run.get(name) for name in _KEPT}, sort_keys=True)
    started.setdefault(key, []).append(run.get('started', ''))
  return [
    {**json.loads(key), 'runs': len(times), 'first': min(times), 'last': max(times)}
    for key, times in started.items()
  ]
