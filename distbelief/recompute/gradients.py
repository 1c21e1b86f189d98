"""Gradients of many replicas in one call, each of its own parameters and minibatch.

A call has several copies of the model's graph side by side, each with tensors of its own:
so the machine's processors share them, nothing is copied to be stacked, and each gradient
is the one that its replica would have computed alone. (Vectorized over stacked
parameters, tf.vectorized_map, the same takes a third longer.) Parameters and gradients
are passed as one vector per shard, since every tensor passed to a call costs 20
microseconds; a variable whose place in its vector is aligned is read there, without a
copy.

Dimensions: S statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief.algorithms import downpour
from distbelief.algorithms.sharding import Sharding
from distbelief.algorithms.statistics import AffineUpdate
from distbelief.data.source import Minibatch
from distbelief.models.objective import Objective
from distbelief.recompute.minibatches import Minibatches
from distbelief.sampling import seeds

SIZES = (16, 8, 4, 2, 1)  # Steps in a call; each size has one traced function.

# Of a Sum: slices, scale and shift.
_Accrued: TypeAlias = tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]


class Held(NamedTuple):
  """The weights that a replica computes from."""

  slices: list[tf.Tensor]  # Each shard's slice of the parameters.
  statistics: tf.Tensor  # [S].


class Sum(NamedTuple):
  """The gradients and changes accrued since the last push."""

  slices: list[tf.Tensor]  # Each shard's slice of the gradient.
  scale: tf.Tensor  # [S], the change of statistics.
  shift: tf.Tensor
  finite: bool

  @property
  def change(self) -> AffineUpdate:
    """Change of the statistics."""
    return AffineUpdate([self.scale], [self.shift])


class Result(NamedTuple):
  """The results of one replica's step."""

  loss: float
  accuracy: float
  sum: Sum
  held: Held | None  # After the local step; None if each step fetches.


class Gradients:
  """Computes steps of several replicas at once.

  Attributes:
    sharding: Sharding of the parameters.
    statistics: Layout of the statistics, which lie on the first shard.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    objective: Objective,
    sharding: Sharding,
    minibatches: Minibatches,
  ) -> None:
    """Stores the arguments; functions are traced on first use.

    Args:
      config: Config of the run.
      objective: Objective of the run.
      sharding: Sharding of the parameters.
      minibatches: Minibatches of each replica.
    """
    self._objective, self._minibatches = objective, minibatches
    self.sharding, self.statistics = sharding, objective.statistics_layout
    self._seed = config.seed
    self._options = downpour.DownpourOptions.from_config(config)
    self._accrues = self._options.n_push > 1
    self._together = tf.function(self._side_by_side, autograph=False)

  def compute(self, items: Sequence[tuple[Held, Sum | None, int, int]]) -> list[Result]:
    """Returns the results of steps.

    Args:
      items: Steps, each (weights that it computes from, accrued sum, replica, step).
    """
    results: list[Result] = []
    while len(results) < len(items):
      left = len(items) - len(results)
      size = next(n for n in SIZES if n <= left)
      results += self._compute(items[len(results) : len(results) + size])
    return results

  def _compute(self, items: Sequence[tuple[Held, Sum | None, int, int]]) -> list[Result]:
    held, sums, replicas, steps = zip(*items)
    accrued: list[_Accrued | None] = [None] * len(items)
    if self._accrues:
      accrued = [self._nothing(h) if s is None else s[:3] for h, s in zip(held, sums)]
    told, results = self._together(
      list(held),
      accrued,
      self._minibatches.of(replicas, steps),
      np.array([replicas, steps], np.int64),
    )
    return [
      Result(
        float(loss),
        float(accuracy),
        Sum._make([*found, self._is_finite(squares, found)]),
        after,
      )
      for (loss, accuracy, squares), (found, after) in zip(told.numpy(), results)
    ]

  def _is_finite(self, squares: float, found: _Accrued) -> bool:
    """Returns whether a sum is finite; its squares may overflow although it is."""
    if np.isfinite(squares):
      return True
    return all(np.isfinite(part).all() for part in tf.nest.flatten(found))

  def _nothing(self, held: Held) -> _Accrued:
    """Returns the sum of no gradients."""
    statistics = held.statistics
    zeros = [tf.zeros_like(part) for part in held.slices]
    return zeros, tf.ones_like(statistics), tf.zeros_like(statistics)

  def _side_by_side(
    self,
    held: list[Held],
    accrued: list[_Accrued | None],
    minibatches: Any,
    whose: tf.Tensor,
  ) -> tuple[tf.Tensor, list[Any]]:
    """Returns [steps, 3] of (loss, accuracy, sum of squares), and the other results."""
    step_seeds = seeds.of_step(self._seed, seeds.MODEL, *tf.unstack(whose))
    told, results = [], []
    for place, (one, before) in enumerate(zip(held, accrued)):
      minibatch = self._minibatches.examples(
        tf.nest.map_structure(lambda part, i=place: part[i], minibatches)
      )
      scalars, *found = self._step(one, before, minibatch, step_seeds[place])
      told.append(scalars)
      results.append(tuple(found))
    return tf.stack(told), results

  def _step(
    self, held: Held, accrued: _Accrued | None, minibatch: Minibatch, seed: tf.Tensor
  ) -> tuple[tf.Tensor, _Accrued, Held | None]:
    result = self._objective.gradient(
      self.sharding.join(held.slices),
      self.statistics.unflatten(held.statistics),
      minibatch,
      seed,
    )
    gradient = self.sharding.split(result.gradient)
    scale = self.statistics.flatten(result.change.scale)
    shift = self.statistics.flatten(result.change.shift)
    step, after = AffineUpdate([scale], [shift]), None
    if self._options.needs_local_steps:
      slices = downpour.local_step(held.slices, gradient, self._options.alpha)
      after = Held(slices, step.apply([held.statistics])[0])
    if accrued is not None:
      before, scale_before, shift_before = accrued
      gradient = downpour.accrue(before, gradient)
      (scale,), (shift,) = AffineUpdate([scale_before], [shift_before]).then(step)
    parts = (*gradient, scale, shift)
    # Cheaper than asking each number whether it is finite (a third of the gradient).
    squares = tf.add_n([tf.nn.l2_loss(part) for part in parts])
    scalars = tf.stack([result.loss, result.accuracy, squares])
    return scalars, (gradient, scale, shift), after
