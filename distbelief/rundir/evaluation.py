"""Evaluation on hold-out data, concurrent with the training: no replica pauses."""

from __future__ import annotations

import concurrent.futures
import math
from collections.abc import Callable
from typing import ParamSpec, TypeAlias, TypeVar

from distbelief.algorithms.statistics import Weights
from distbelief.data.held_out import HeldOut
from distbelief.models.objective import Objective
from distbelief.telemetry import activities, board, metrics, snapshots

_Args = ParamSpec('_Args')
_Result = TypeVar('_Result')

GetWeights: TypeAlias = Callable[[], Weights]  # Returns the current weights.


class _AtOnce(concurrent.futures.Executor):
  """Runs a job at once, in the caller's thread."""

  def submit(
    self, job: Callable[_Args, _Result], /, *args: _Args.args, **more: _Args.kwargs
  ) -> concurrent.futures.Future[_Result]:
    """Returns a finished future; raises the job's error."""
    future: concurrent.futures.Future[_Result] = concurrent.futures.Future()
    future.set_result(job(*args, **more))
    return future


class Evaluator:
  """Scores parameters, at most one evaluation at a time.

  Attributes:
    accuracy: Last hold-out accuracy; None before the first, and for a model without one.
    metrics: Loss and all other metrics of the last evaluation.
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
    """Creates an idle evaluator.

    Args:
      objective: Model and loss to evaluate.
      held_out: Hold-out data.
      writer: Writer of the rows of metrics.
      activity: Writer of the times of evaluations.
      kept: Snapshots to which the evaluated parameters are offered.
      eval_steps: Steps between two evaluations, config.eval_steps.
      start: Minibatches applied before this launch.
      beside: Whether evaluations run in a thread, concurrently with the training.
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
    """Returns whether an evaluation is due, and none is running."""
    if self._running is not None and self._running.done():
      self._running.result()  # Raises its error.
      self._running = None
    return steps >= self._next and self._running is None

  def start(self, row: metrics.Evaluation, weights: GetWeights) -> None:
    """Starts an evaluation; its hold-out figures replace those of `row`."""
    self._next = self._following(row.steps)
    self._running = self._thread.submit(self._evaluate, row, weights)

  def finish(self, row: metrics.Evaluation, weights: GetWeights) -> None:
    """Waits for the running evaluation, and performs the last one."""
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
