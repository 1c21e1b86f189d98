"""Evaluation on hold-out data, beside the training: it pauses no replica."""

from __future__ import annotations

import concurrent.futures
import math
from collections.abc import Callable
from typing import Any

from distbelief.algorithms.statistics import Weights
from distbelief.data.held_out import HeldOut
from distbelief.models.objective import Objective
from distbelief.telemetry import activities, board, metrics, snapshots

GetWeights = Callable[[], Weights]  # Returns them, as they then are.


class _AtOnce(concurrent.futures.Executor):
  """Does what it is given before it goes on."""

  def submit(self, job: Callable[..., Any], *args: Any) -> concurrent.futures.Future:
    """Returns a future that is done; raises what the job raises."""
    future: concurrent.futures.Future = concurrent.futures.Future()
    future.set_result(job(*args))
    return future


class Evaluator:
  """Scores parameters, at most one evaluation at a time.

  Attributes:
    accuracy: The last hold-out accuracy, None before the first, and without one.
    metrics: The loss and all other metrics of the last evaluation.
  """

  def __init__(
    self,
    objective: Objective,
    held_out: HeldOut,
    writer: board.MetricWriter,
    activity: activities.ActivityWriter,
    kept: snapshots.Snapshots | None,
    eval_steps: int,
    start: int,
    *,
    beside: bool = True,
  ) -> None:
    """Evaluates nothing yet.

    Args:
      objective: Its model and loss.
      held_out: What it is scored on.
      writer: Takes the rows.
      activity: Takes the times.
      kept: Is offered the parameters.
      eval_steps: config.eval_steps.
      start: Minibatches that were applied before.
      beside: Whether the training goes on meanwhile.
    """
    self._objective, self._held_out = objective, held_out
    self._writer, self._activities, self._snapshots = writer, activity, kept
    self._eval_steps = eval_steps
    self._next = self._following(start)
    self._thread: concurrent.futures.Executor = (
      concurrent.futures.ThreadPoolExecutor(1, 'evaluation') if beside else _AtOnce()
    )
    self._running: concurrent.futures.Future | None = None
    self.accuracy: float | None = None
    self.metrics: dict[str, float] = {}

  def due(self, steps: int) -> bool:
    """Returns whether `eval_steps` more have been applied, and none is running."""
    if self._running is not None and self._running.done():
      self._running.result()  # Raises what went wrong.
      self._running = None
    return steps >= self._next and self._running is None

  def start(self, row: metrics.Evaluation, weights: GetWeights) -> None:
    """Begins an evaluation; its hold-out figures replace those of `row`."""
    self._next = self._following(row.steps)
    self._running = self._thread.submit(self._evaluate, row, weights)

  def finish(self, row: metrics.Evaluation, weights: GetWeights) -> None:
    """Ends the one that is running, and makes the last."""
    self._thread.shutdown()
    if self._running is not None:
      self._running.result()
    self._evaluate(row, weights)

  def _following(self, steps: int) -> int:
    return self._eval_steps * (steps // self._eval_steps + 1)

  def _evaluate(self, row: metrics.Evaluation, weights: GetWeights) -> None:
    with self._activities.during('evaluation', row.steps):
      values = weights()
      self._score(row, values)
    if self._snapshots:
      self._snapshots.offer(row.steps, [param.numpy() for param in values.params])

  def _score(self, row: metrics.Evaluation, values: Weights) -> None:
    found = self._objective.evaluate(*values, self._held_out.minibatches)
    loss, accuracy = found.pop('loss'), found.pop('accuracy')
    self.accuracy = None if math.isnan(accuracy) else accuracy
    self._writer.evaluation(
      row._replace(holdout_loss=loss, holdout_accuracy=accuracy, more=found)
    )
    self.metrics = {'loss': loss, **found}
