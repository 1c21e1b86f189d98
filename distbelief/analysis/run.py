"""Reads a run's directory, be the run finished, under way, or killed."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from distbelief import config as config_lib
from distbelief import errors
from distbelief.analysis import clocks, pushes
from distbelief.models import handed_over
from distbelief.telemetry import activities, metrics, records, swarm


class Run:
  """The contents of a workdir; each part is read on first use.

  Attributes:
    workdir: The run's directory.
    config: Config with which the run was trained.
    name: Name of the directory; may be changed to distinguish runs.
  """

  def __init__(self, workdir: Path | str) -> None:
    """Reads the config.

    Raises:
      errors.UserError: If the directory holds no run.
    """
    self.workdir = Path(workdir)
    self.name = self.workdir.resolve().name
    try:
      self.config: ml_collections.ConfigDict = handed_over.resolved(
        config_lib.from_json((self.workdir / 'config.json').read_text()), self.workdir
      )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
      raise errors.UserError(
        f'{workdir} holds no run ({errors.without_path(error)}): name a directory that '
        'training has begun in'
      ) from error

  @functools.cached_property
  def summary(self) -> dict[str, Any] | None:
    """Fields of summary.json; None if the run is not finished."""
    try:
      return json.loads((self.workdir / 'summary.json').read_text())
    except (OSError, ValueError):
      return None

  @functools.cached_property
  def header(self) -> dict[str, Any]:
    """Header of the last launch's file of records.

    Raises:
      errors.UserError: If there is none.
    """
    files = records.files(self.workdir)
    if not files:
      raise errors.UserError(f'{self.workdir} has no step on record yet: wait for one')
    return records.header(files[-1])

  @functools.cached_property
  def records(self) -> np.ndarray:
    """All step records, the times of each launch on one clock (analysis/clocks.py)."""
    return records.join(self._launches)

  @property
  def last_launch(self) -> np.ndarray:
    """Step records of the last launch alone, on the same clock."""
    return self._launches[-1] if self._launches else self.records

  def describe_clocks(self) -> str:
    """Returns a line on how times are aligned."""
    told = [found.describe() for found in self._clocks] or ['no step is on record']
    if len(told) > 1:
      told = [f'launch {index}: {text}' for index, text in enumerate(told)]
    return '; '.join(told) + "; the leader's own times are as recorded"

  @functools.cached_property
  def _clocks(self) -> list[clocks.Offsets]:
    return [clocks.offsets(launch) for launch in self._as_recorded]

  @functools.cached_property
  def _launches(self) -> list[np.ndarray]:
    return [clocks.align(*pair) for pair in zip(self._as_recorded, self._clocks)]

  @functools.cached_property
  def _as_recorded(self) -> list[np.ndarray]:
    launches = (np.array(records.open_file(f)) for f in records.files(self.workdir))
    return [launch[~np.isnan(launch['compute_start'])] for launch in launches]

  @functools.cached_property
  def pushes(self) -> np.ndarray:
    """Pushes of the run (analysis.pushes)."""
    return pushes.derive(self.records, config_lib.warmstart_steps(self.config))

  @functools.cached_property
  def evaluations(self) -> list[metrics.Evaluation]:
    """The rows of metrics.csv."""
    return metrics.read_csv(self.workdir)

  @functools.cached_property
  def activities(self) -> list[activities.Activity]:
    """Evaluations and checkpoints of the leader."""
    return activities.read(self.workdir)

  @functools.cached_property
  def samples(self) -> np.ndarray:
    """Samples of the replicas' positions (telemetry.swarm)."""
    return swarm.read(self.workdir)

  @property
  def num_replicas(self) -> int:
    """Number of replicas of the last launch."""
    return self.header['num_replicas']

  @property
  def num_shards(self) -> int:
    """Number of recorded shards; 1 where there is no parameter server."""
    return self.records['status'].shape[1]

  def missing(self) -> list[str]:
    """Returns the parts of a finished run that this one lacks, in words."""
    lacks = []
    if self.summary is None:
      lacks.append('not finished: no summary.json, so what it has so far is shown')
    if not self.evaluations:
      lacks.append('no evaluation yet: no accuracy')
    if not len(self.records):
      why = (
        '' if self.config.telemetry.records else ' (config.telemetry.records is False)'
      )
      lacks.append(f'no step on record{why}: no times, no staleness')
    if not len(self.samples):
      lacks.append('no samples of where the replicas were')
    return lacks
