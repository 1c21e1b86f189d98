"""What every part of a launch is given: config, directory, display, invocation."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import ml_collections

from distbelief.telemetry import provenance
from distbelief.telemetry.display import Reporter


class RunContext(NamedTuple):
  """One launch of a run, as its trainer and its recorder see it.

  Attributes:
    config: Config of the run, checked.
    workdir: Directory prepared for the run.
    display: Receiver of `progress` and `message`.
    invocation: Command and start time of the launch.
  """

  config: ml_collections.ConfigDict
  workdir: Path
  display: Reporter
  invocation: provenance.Invocation
