"""The examples that are held out, read once."""

from __future__ import annotations

import functools

import tensorflow as tf

from distbelief.data import source

_BATCH = 1024  # That a model is evaluated on at a time.


class HeldOut:
  """All of a source's held-out examples, in memory from their first use on."""

  def __init__(self, of: source.Source) -> None:
    """Reads nothing yet."""
    self._source = of

  @functools.cached_property
  def minibatches(self) -> list[source.Minibatch]:
    """All of them, in order; what a model sees is computed once."""
    return list(self._source.holdout(_BATCH))

  def first(self, count: int) -> source.Minibatch:
    """Returns the first `count`, or as many as there are; at most a minibatch of them."""
    return tf.nest.map_structure(lambda part: part[:count], self.minibatches[0])
