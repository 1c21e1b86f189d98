"""What a run gets when it ends, beside its figures: the loss around it, and pictures."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import data, errors
from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import Weights
from distbelief.analysis import swarm
from distbelief.analysis.run import Run
from distbelief.models.objective import Objective
from distbelief.telemetry import snapshots
from distbelief.telemetry.board import MetricWriter
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.swarm import read

_EXAMPLES = 1024  # Of the hold-out data, over which the loss is taken.
_SECONDS = 3.0  # That the loss around the run may take.


def show(
  config: ml_collections.ConfigDict,
  workdir: Path,
  objective: Objective,
  source: data.Source,
  weights: Weights,
  writer: MetricWriter,
  display: Any,
) -> None:
  """Does all of it; what only shows a run must not keep it from ending.

  Args:
    config: The run's.
    workdir: The run's, with its records.
    objective: What is minimised.
    source: Of the hold-out data.
    weights: At the run's end.
    writer: Of its event file.
    display: Shows `message`.
  """
  try:
    if config.telemetry.swarm_seconds:
      survey(workdir, objective, source, weights, config.seed)
    if config.telemetry.pictures and not illustrate(workdir, writer, config.num_steps):
      display.message("no pictures: pip install 'distbelief[plots]' draws them")
  except Exception as error:
    display.message(f'the run is not shown: {errors.one_line(error)}')


def survey(
  workdir: Path, objective: Objective, source: data.Source, weights: Weights, seed: int
) -> None:
  """Writes the loss on the plane of the replicas' tracks, if these span one.

  Args:
    workdir: The run's, with its samples and snapshots.
    objective: What is minimised.
    source: Of the hold-out data.
    weights: At the run's end; the statistics are these everywhere.
    seed: config.seed, of the sketches.
  """
  samples, (_, kept) = read(workdir), snapshots.read(workdir)
  kept = kept[np.isfinite(kept).all(axis=1)] if len(kept) else kept
  if len(kept) < 3:
    return
  cut = Sharding(objective.shapes, 1)
  sketch = Sketch(kept.shape[1], seed)
  sketches = np.stack([sketch.part(tf.constant(one), 0).numpy() for one in kept])
  plane = swarm.plane_of_snapshots(samples, kept, sketches.astype(np.float64))
  if plane is None:
    return

  def surface(num_examples: int) -> swarm.Surface | None:
    minibatch = list(itertools.islice(source.holdout(num_examples), 1))

    def loss(flat: np.ndarray) -> float:
      params = cut.join([tf.constant(flat)])
      return objective.evaluate(params, weights.statistics, minibatch)['loss']

    return swarm.surface(plane, samples, kept, loss, _SECONDS)

  found = surface(_EXAMPLES) or surface(_EXAMPLES // 16)  # Of a large model.
  swarm.save(workdir, plane, found)


def illustrate(workdir: Path, writer: MetricWriter, step: int) -> bool:
  """Writes the run's pictures to TensorBoard; returns False without matplotlib.

  Args:
    workdir: The run's.
    writer: Of its event file.
    step: Minibatches applied.
  """
  if importlib.util.find_spec('matplotlib') is None:
    return False
  from distbelief.pictures import gallery

  for name, png in gallery.of_run(Run(workdir)).items():
    writer.image(step, f'pictures/{name}', png, gallery.MEANING[name])
  return True
