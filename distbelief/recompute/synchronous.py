"""Synchronous updates of any number of replicas in one process, with real gradients.

The same functions as on a cluster (algorithms/synchronous.py), and the same sum: the
replicas' gradients, all at the same parameters, are computed side by side in few calls,
and added as a ring adds them (ring.py).

Dimensions: M replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import synchronous
from distbelief.algorithms.rules import Rule
from distbelief.algorithms.statistics import Weights
from distbelief.models.objective import Objective
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.ring import ring_sum
from distbelief.sampling import seeds

# Replicas in a call, and in a ring: more would need the memory of as many gradients, and
# are added call by call, since no cluster has so many.
_MOST = 32


class UpdateResult(NamedTuple):
  """The results of an update's steps, each [M]."""

  losses: np.ndarray
  accuracies: np.ndarray
  finite: np.ndarray  # Whether the gradient is finite, and so counts.


class SynchronousUpdates:
  """Holds parameters and slots, and updates them.

  Attributes:
    weights: Current weights.
    slots: Slots of the rule, per variable.
    version: Number of updates so far.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    objective: Objective,
    rule: Rule,
    minibatches: Minibatches,
    weights: Weights,
    slots: Sequence[tf.Tensor] = (),
    version: int = 0,
  ) -> None:
    """Begins with given weights.

    Args:
      config: Config of the run.
      objective: Objective of the run.
      rule: Rule of an update.
      minibatches: Minibatches of all replicas.
      weights: Initial weights.
      slots: Initial slots, each [P]; zeros if there are none.
      version: Number of updates before.
    """
    self._objective, self._rule, self._minibatches = objective, rule, minibatches
    self._seed, self._rate = config.seed, config_lib.learning_rate(config)
    self.weights, self.version = weights, version
    split = [objective.layout.unflatten(slot) for slot in slots] or [
      [tf.zeros_like(p) for p in weights.params] for _ in rule.slots
    ]
    self.slots = list(zip(*split)) if split else [() for _ in weights.params]
    self._packing = synchronous.packing(objective.shapes, objective.statistics_shapes)
    self._add = tf.function(self._added, autograph=False)
    self._update = tf.function(self._updated, autograph=False)

  @property
  def flat_slots(self) -> list[np.ndarray]:
    """The rule's slots, each [P]."""
    return [np.concatenate([np.ravel(s) for s in slot]) for slot in zip(*self.slots)]

  @property
  def versions(self) -> np.ndarray:
    """Version as that of one shard, [1] int64."""
    return np.array([self.version], np.int64)

  def update(self, replicas: Sequence[int], steps: Sequence[int]) -> UpdateResult:
    """Performs an update from these replicas' gradients at these steps."""
    told, total = [], None
    for start in range(0, len(replicas), _MOST):
      part = slice(start, start + _MOST)
      own = np.array(replicas[part]), np.array(steps[part])
      *found, added = self._add(
        self.weights,
        self._minibatches.of(*own),
        seeds.of_step(self._seed, seeds.MODEL, *own),
      )
      told.append([tensor.numpy() for tensor in found])
      total = added if total is None else total + added
    self.weights, self.slots, count = self._update(self.weights, self.slots, total)
    self.version += int(count > 0)
    return UpdateResult(*(np.concatenate(parts) for parts in zip(*told)))

  def _added(
    self, weights: Weights, minibatches: Any, step_seeds: tf.Tensor
  ) -> tuple[tf.Tensor, ...]:
    """Returns losses, accuracies, which gradients count, and the packed sum."""
    told, own = [], []
    for place, seed in enumerate(tf.unstack(step_seeds)):
      minibatch = self._minibatches.examples(
        tf.nest.map_structure(lambda part, i=place: part[i], minibatches)
      )
      result = self._objective.gradient(*weights, minibatch, seed)
      statistics = result.change.apply(weights.statistics)
      parts, finite = synchronous.contribution([*result.gradient, *statistics])
      told.append((result.loss, result.accuracy, finite))
      own.append(self._packing.flatten([*parts, tf.cast(finite, tf.float32)]))
    return (*(tf.stack(one) for one in zip(*told)), ring_sum(own))

  def _updated(
    self,
    weights: Weights,
    slots: synchronous.Slots,
    packed: tf.Tensor,
  ) -> tuple[Weights, synchronous.Slots, tf.Tensor]:
    *total, count = self._packing.unflatten(packed)
    num_params = len(weights.params)
    params, slots = synchronous.update(
      self._rule,
      self._rate,
      weights.params,
      slots,
      total[:num_params],
      count,
      self._objective.constraints,
    )
    statistics = synchronous.mean(weights.statistics, total[num_params:], count)
    return Weights(params, statistics), slots, count
