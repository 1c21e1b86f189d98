"""What a shard does with one push: the server's rule, and the warm start's difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from distbelief.algorithms import rules


class ServerRule(NamedTuple):
  """The server's rule and what the warm start does differently."""

  rule: rules.Rule
  rate: float
  warm_plain_sgd: bool = False  # The paper's; the slots fill as well.
  warm_rate: float | None = None
  reset_slots: bool = False  # When the warm start ends.

  @classmethod
  def from_config(cls, config: ml_collections.ConfigDict) -> ServerRule:
    """Returns what config.server and config.downpour say."""
    return cls(
      rules.load(config.server),
      config.server.learning_rate,
      warm_plain_sgd=config.downpour.warmstart_optimizer != 'server',
      warm_rate=config.downpour.warmstart_learning_rate,
      reset_slots=config.downpour.reset_slots,
    )

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
      slots: The rule's, each [P].
      gradient: [P], the push.
      staleness: int64 scalar.
      warm: bool scalar.
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
