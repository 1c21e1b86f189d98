"""How a shard applies one push: the server's rule, and its variant in the warm start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from distbelief.algorithms import rules
from distbelief.algorithms.constraints import Projection


class ServerRule(NamedTuple):
  """The server's rule, and how the warm start differs from it."""

  rule: rules.Rule
  rate: float
  warm_plain_sgd: bool = False  # As in the paper; the slots fill as well.
  warm_rate: float | None = None
  reset_slots: bool = False  # When the warm start ends.
  # Of each shard: what the constraints of its variables make of its parameters.
  projections: tuple[Projection | None, ...] = ()

  @classmethod
  def from_config(
    cls,
    config: ml_collections.ConfigDict,
    projections: tuple[Projection | None, ...] = (),
  ) -> ServerRule:
    """Returns the rule that config.server and config.downpour define.

    Args:
      config: Config of the run.
      projections: Projection of each shard (algorithms/constraints.py), or none at all.
    """
    return cls(
      rules.load(config.server),
      config.server.learning_rate,
      warm_plain_sgd=config.downpour.warmstart_optimizer != 'server',
      warm_rate=config.downpour.warmstart_learning_rate,
      reset_slots=config.downpour.reset_slots,
      projections=projections,
    )

  def projection(self, shard: int) -> Projection | None:
    """Returns what is applied to a shard's parameters after an update, if anything."""
    return self.projections[shard] if self.projections else None

  def update(
    self,
    slots: tuple,
    gradient: tf.Tensor,
    staleness: tf.Tensor,
    warm: tf.Tensor,
    facts: Mapping[str, Any] | None = None,
  ) -> tuple[tf.Tensor, tuple]:
    """Returns (delta, slots) for one push to one shard.

    Args:
      slots: Slots of the rule, each [P].
      gradient: Gradient of the push, [P].
      staleness: Staleness of the push, int64 scalar.
      warm: Whether the warm start lasts, bool scalar.
      facts: Facts of the push (rules.FACTS), of which the rule gets those that it asks
        for; may be left out for a rule that asks for none.
    """
    warm_rate = self.rate if self.warm_rate is None else self.warm_rate
    rate = self.rate
    if warm_rate != rate:
      rate = tf.where(warm, tf.constant(warm_rate), tf.constant(rate))
    known = facts or {}
    asked = {name: known[name] for name in self.rule.facts}
    delta, slots = self.rule.apply(slots, gradient, staleness, rate, **asked)
    if self.warm_plain_sgd:
      delta = tf.cond(warm, lambda: warm_rate * gradient, lambda: delta)
    return delta, slots
