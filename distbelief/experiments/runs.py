"""Runs of an experiment: a config file with some fields changed, trained once."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import run


def load(path: str | Path, changes: Mapping[str, Any]) -> ml_collections.ConfigDict:
  """Returns the config of a file, with some fields changed.

  Args:
    path: Of a config file.
    changes: Values by dotted name.
  """
  config = runpy.run_path(str(path))['get_config']()
  config.update_from_flattened_dict(dict(changes))
  return config


def finish(
  path: str | Path, workdir: str | Path, changes: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns the summary of a run; trains, or goes on, if it is not finished."""
  return run.train(load(path, changes), workdir)
