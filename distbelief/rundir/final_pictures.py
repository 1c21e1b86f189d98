"""The last outputs of a run: the loss around its path, and pictures."""

from __future__ import annotations

import importlib.util

import numpy as np
import tensorflow as tf

from distbelief import errors
from distbelief.algorithms.statistics import Weights
from distbelief.analysis import swarm
from distbelief.analysis.run import Run
from distbelief.data.held_out import HeldOut
from distbelief.models.objective import Objective
from distbelief.telemetry import snapshots
from distbelief.telemetry.board import MetricWriter
from distbelief.telemetry.display import Reporter
from distbelief.telemetry.sketch import Sketch

_EXAMPLES = 1024  # Hold-out examples over which the loss is computed.
_SECONDS = 3.0  # Time that the loss surface may take.
_FLOPS = 1e10  # Assumed speed of a machine, per second.


def draw(
  run: Run,
  objective: Objective,
  held_out: HeldOut,
  weights: Weights,
  writer: MetricWriter,
  display: Reporter,
) -> None:
  """Writes surface and pictures; a failure here must not keep the run from ending.

  Args:
    run: Run with its records.
    objective: Objective of the run.
    held_out: Hold-out data over which the loss is computed.
    weights: Weights at the run's end.
    writer: Writer of the run's event file.
    display: Display for messages.
  """
  try:
    if run.config.telemetry.swarm_seconds:
      save_loss_surface(run, objective, held_out, weights)
    if run.config.telemetry.pictures and not write_pictures(run, writer):
      display.message("no pictures: pip install -e '.[plots]' draws them")
  except Exception as error:
    display.message(f'the run is not shown: {errors.one_line(error)}')


def save_loss_surface(
  run: Run, objective: Objective, held_out: HeldOut, weights: Weights
) -> None:
  """Writes the loss on the plane of the replicas' paths, if these span one.

  Args:
    run: Run with its samples and snapshots.
    objective: Objective of the run.
    held_out: Hold-out data over which the loss is computed.
    weights: Weights at the run's end, whose statistics are used everywhere on the plane.
  """
  samples, (_, kept) = run.samples, snapshots.read(run.workdir)
  kept = kept[np.isfinite(kept).all(axis=1)] if len(kept) else kept
  if len(kept) < 3:
    return
  sketch = Sketch(kept.shape[1], run.config.seed)
  sketches = np.stack([sketch.part(tf.constant(one), 0).numpy() for one in kept])
  plane = swarm.plane_of_snapshots(samples, kept, sketches.astype(np.float64))
  if plane is None:
    return

  def surface(num_examples: int) -> swarm.Surface | None:
    minibatch = [held_out.first(num_examples)]

    def loss(flat: np.ndarray) -> float:
      params = objective.layout.unflatten(tf.constant(flat))
      return objective.evaluate(params, weights.statistics, minibatch)['loss']

    # A result under simulated time must not depend on how busy this machine is.
    each = 2 * kept.shape[1] * num_examples / _FLOPS
    is_virtual = run.header['clock'] == 'virtual'
    return swarm.surface(
      plane, samples, kept, loss, _SECONDS, each if is_virtual else None
    )

  found = surface(_EXAMPLES) or surface(_EXAMPLES // 16)  # For a large model.
  swarm.save(run.workdir, plane, found)


def write_pictures(run: Run, writer: MetricWriter) -> bool:
  """Writes the run's pictures to TensorBoard; returns False without matplotlib.

  Args:
    run: Finished run.
    writer: Writer of the run's event file.
  """
  if importlib.util.find_spec('matplotlib') is None:
    return False
  from distbelief.pictures import gallery

  for name, png in gallery.of_run(run).items():
    writer.image(run.config.num_steps, f'pictures/{name}', png, gallery.MEANING[name])
  return True
