"""What a run gets when it ends, beside its figures: the loss around it, and pictures."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import tensorflow as tf

from distbelief import data
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
  if len(kept) < 3:
    return
  cut = Sharding(objective.shapes, 1)
  sketch = Sketch(kept.shape[1], seed)
  sketches = np.stack([sketch.part(tf.constant(one), 0).numpy() for one in kept])
  plane = swarm.plane_of_snapshots(samples, kept, sketches.astype(np.float64))
  if plane is None:
    return
  minibatch = list(itertools.islice(source.holdout(_EXAMPLES), 1))

  def loss(flat: np.ndarray) -> float:
    params = cut.join([tf.constant(flat)])
    return objective.evaluate(params, weights.statistics, minibatch)['loss']

  swarm.save(workdir, plane, swarm.surface(plane, samples, kept, loss, _SECONDS))


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
