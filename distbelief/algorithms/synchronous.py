"""Synchronous SGD: the baseline in which all replicas wait for one another.

    loop:
      gradient    <- mean gradient of the replica's next minibatch at the parameters
      total       <- sum over the replicas of their contributions  (an all-reduce)
      parameters  <- parameters - rule(total / how many are in it)
      parameters  <- what their constraints allow

Every replica has the same parameters and slots and makes the same update, with the rules
of the parameter server (algorithms/rules). One replica alone is plain SGD, or Adagrad.
Parameters and gradients are lists of tensors, one per variable of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeAlias

import ml_collections
import tensorflow as tf

from distbelief import errors
from distbelief.algorithms import rules
from distbelief.algorithms.constraints import Constraint, each
from distbelief.algorithms.rules import Rule
from distbelief.algorithms.sharding import FlatLayout

Tensors: TypeAlias = list[tf.Tensor]
Slots: TypeAlias = list[tuple[tf.Tensor, ...]]  # The rule's slots of each variable.


def load_rule(server: ml_collections.ConfigDict, num_replicas: int) -> Rule:
  """Returns the rule that config.server names, for updates of all replicas together.

  Args:
    server: The section config.server.
    num_replicas: Number of replicas, the only fact that such an update has.

  Raises:
    errors.ConfigError: If the rule asks for a fact of one replica's push.
  """
  rule = rules.load(server)
  facts = {'replicas': num_replicas}
  for name in rule.facts:
    if name not in facts:
      raise errors.ConfigError(
        'config.server.optimizer',
        server.optimizer,
        f'asks for {name!r}, which an update of all replicas together does not have: '
        'set algorithm=downpour, or choose another rule',
      )
  bound = functools.partial(rule.apply, **{name: facts[name] for name in rule.facts})
  return rule._replace(apply=bound, facts=())


def contribution(gradient: Tensors) -> tuple[Tensors, tf.Tensor]:
  """Returns what a replica adds to the total, and whether that is its gradient.

  A gradient with NaN or infinity anywhere would spoil the update of all: zeros take its
  place, and it is not counted.

  Args:
    gradient: Gradient of the replica's minibatch, and the statistics after it.
  """
  finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradient])
  zeros_if_not = tf.cond(
    finite,
    lambda: [tf.identity(g) for g in gradient],
    lambda: [tf.zeros_like(g) for g in gradient],
  )
  return zeros_if_not, finite


def packing(
  shapes: Sequence[tuple[int, ...]], statistics_shapes: Sequence[tuple[int, ...]]
) -> FlatLayout:
  """Returns the layout of what replicas add up, as one vector.

  The gradient, the statistics after it, and a scalar: 1 if they count.
  """
  return FlatLayout([*shapes, *statistics_shapes, ()])


def mean(before: Tensors, total: Tensors, count: tf.Tensor) -> Tensors:
  """Returns the statistics (algorithms/statistics.py) after an update.

  Args:
    before: Statistics before the update.
    total: Sum over the replicas of their statistics after the update's minibatches.
    count: Number of replicas in the sum, a float32 scalar; 0: nothing changes.
  """
  return [
    tf.where(count > 0, t / tf.maximum(count, 1.0), b) for b, t in zip(before, total)
  ]


def update(
  rule: Rule,
  rate: float,
  params: Tensors,
  slots: Slots,
  total: Tensors,
  count: tf.Tensor,
  constraints: Sequence[Constraint | None] = (),
) -> tuple[Tensors, Slots]:
  """Returns parameters and slots after one update with a mean gradient.

  Args:
    rule: Rule of config.server.
    rate: Learning rate of the rule.
    params: Parameters before the update.
    slots: Slots before the update.
    total: Sum of the replicas' contributions.
    count: Number of gradients in the sum, a float32 scalar; 0: nothing changes.
    constraints: Constraint of each parameter tensor, or none at all.
  """
  nobody_is_late = tf.constant(0, tf.int64)

  def updated() -> tuple[Tensors, Slots]:
    pairs = [rule.apply(s, t / count, nobody_is_late, rate) for s, t in zip(slots, total)]
    after = [p - delta for p, (delta, _) in zip(params, pairs)]
    return each(constraints, after), [s for _, s in pairs]

  def unchanged() -> tuple[Tensors, Slots]:
    return tf.nest.map_structure(tf.identity, (params, slots))

  return tf.cond(count > 0, updated, unchanged)
