"""The hold-out examples, read once."""

from __future__ import annotations

import functools

import tensorflow as tf

from distbelief.data import source

_BATCH = 1024  # Examples in a minibatch of an evaluation.


class HeldOut:
  """All hold-out examples of a source, in memory from their first use on."""

  def __init__(self, of: source.Source) -> None:
    """Reads nothing yet."""
    self._source = of

  @functools.cached_property
  def minibatches(self) -> list[source.Minibatch]:
    """All hold-out minibatches, in order; inputs are computed once."""
    return list(self._source.holdout(_BATCH))

  def first(self, count: int) -> source.Minibatch:
    """Returns the first `count` examples, or all; at most one minibatch."""
    return tf.nest.map_structure(lambda part: part[:count], self.minibatches[0])
