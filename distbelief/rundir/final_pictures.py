"""The last outputs of a run: the loss around its path, and pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

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

# Hold-out examples over which the loss is computed, of a large model and of others.
_FEW, _MANY = 64, 1024
_SECONDS = 3.0  # Time that the loss surface may take.


def draw(
  run: Run,
  objective: Objective,
  held_out: HeldOut,
  weights: Weights,
  writer: MetricWriter,
  display: Reporter,
  is_stopped: Callable[[], bool],
) -> None:
  """Writes surface and pictures; a failure here must not keep the run from ending.

  Args:
    run: Run with its records.
    objective: Objective of the run.
    held_out: Hold-out data over which the loss is computed.
    weights: Weights at the run's end.
    writer: Writer of the run's event file.
    display: Display for messages.
    is_stopped: Function that returns whether to leave out what is not drawn yet.
  """
  telemetry = run.config.telemetry
  if telemetry.swarm_seconds or telemetry.pictures:
    display.message('drawing the pictures of the run')
  try:
    if telemetry.swarm_seconds:
      save_loss_surface(run, objective, held_out, weights, is_stopped)
    if is_stopped():
      display.message('stopped: the run is complete but for its pictures')
    elif telemetry.pictures and not write_pictures(run, writer):
      display.message("no pictures: pip install -e '.[plots]' draws them")
  except Exception as error:
    display.message(f'the run is not shown: {errors.one_line(error)}')


def save_loss_surface(
  run: Run,
  objective: Objective,
  held_out: HeldOut,
  weights: Weights,
  is_stopped: Callable[[], bool] = lambda: False,
) -> None:
  """Writes the loss on the plane of the replicas' paths, if these span one.

  Args:
    run: Run with its samples and snapshots.
    objective: Objective of the run.
    held_out: Hold-out data over which the loss is computed.
    weights: Weights at the run's end, whose statistics are used everywhere on the plane.
    is_stopped: Function that returns whether to give up.
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

  def loss_over(num_examples: int) -> Callable[[np.ndarray], float]:
    minibatch = [held_out.first(num_examples)]

    def loss(flat: np.ndarray) -> float:
      params = objective.layout.unflatten(tf.constant(flat))
      return objective.evaluate(params, weights.statistics, minibatch)['loss']

    return loss

  # Measured on few examples first: on many, one loss of a large model takes too long.
  loss = loss_over(_FEW)
  each = swarm.seconds_each(loss, kept[-1]) * _MANY / _FEW
  if swarm.is_affordable(each, _SECONDS):
    loss = loss_over(_MANY)
  found = swarm.surface(plane, samples, kept, loss, _SECONDS, is_stopped)
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
