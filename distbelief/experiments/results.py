"""What an experiment found, on disk: every number with where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distbelief import files
from distbelief.telemetry import provenance


def write(path: str | Path, found: Mapping[str, Any]) -> None:
  """Writes what was found, and this process' provenance, as JSON."""
  path = Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  origin = provenance.Origin.of_this_process()
  fields = {**found, 'provenance': provenance.collect(origin)}
  files.write_whole(path, json.dumps(fields, indent=2) + '\n')
