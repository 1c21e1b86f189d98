"""The minibatch of any step of any replica.

Dimensions: M replicas in a call, B examples of a minibatch, N examples to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import data
from distbelief.data import order
from distbelief.data.source import TRAIN


class Minibatches:
  """The minibatches that `Source.minibatches` yields to each replica."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    source: data.Source,
    num_replicas: int,
    warmstart_steps: int = 0,
    as_workers: bool = False,
  ) -> None:
    """Reads the training set, unless it is streamed.

    Args:
      config: Config of the run.
      source: Source of the examples.
      num_replicas: Number of replicas, and so of subsets.
      warmstart_steps: Number of steps of replica 0 on the whole training set.
      as_workers: Whether each replica reads its own subset, as workers do: results
        computed from fewer utterances at a time may be rounded differently.
    """
    self._source, self._num_replicas = source, num_replicas
    self._batch_size, self._warm_steps = config.data.batch_size, warmstart_steps
    self._streams = as_workers or bool(config.data.shuffle_buffer)
    self._iterators: dict[int, tuple[int, Iterator[Any]]] = {}  # By replica: next step.
    self._orders: dict[int, tuple[int, np.ndarray]] = {}  # By stream: its last epoch.
    self._subsets: dict[int, np.ndarray] = {}  # By replica: rows.
    if not self._streams:
      source.check(num_replicas, self._batch_size)
      self._table = source.table(TRAIN)
      self._owner = self._table.owner.numpy()
      self._everything = np.arange(len(self._owner))

  def of(self, replicas: Iterable[int], steps: Iterable[int]) -> Any:
    """Returns the input of `examples` for steps' minibatches, each part [M, ...]."""
    if self._streams:
      parts = [self._streamed(r, s) for r, s in zip(replicas, steps)]
      return tf.nest.map_structure(lambda *one: tf.stack(one), *parts)
    return np.stack([self._rows(r, s) for r, s in zip(replicas, steps)])

  def examples(self, one: Any) -> Any:
    """Returns a minibatch, each part [B, ...]; for use inside a tf.function.

    Args:
      one: Part for one step of the return of `of`.
    """
    return one if self._streams else self._table.examples(one)

  def _streamed(self, replica: int, step: int) -> Any:
    following, iterator = self._iterators.get(replica, (-1, iter(())))
    if following != step:
      iterator = iter(
        self._source.minibatches(
          replica, self._num_replicas, step, self._batch_size, self._warm_steps
        )
      )
    self._iterators[replica] = step + 1, iterator
    return next(iterator)

  def _rows(self, replica: int, step: int) -> np.ndarray:
    """Returns the rows of a minibatch, [B]."""
    if replica == 0 and step < self._warm_steps:
      return self._of_stream(order.WARM_START, None, step)
    step -= self._warm_steps if replica == 0 else 0
    return self._of_stream(order.of_replica(replica), replica, step)

  def _subset(self, replica: int) -> np.ndarray:
    if replica not in self._subsets:
      rows = order.subset(self._owner, replica, self._num_replicas)
      self._subsets[replica] = rows.numpy()
    return self._subsets[replica]

  def _of_stream(self, stream: int, replica: int | None, step: int) -> np.ndarray:
    number, minibatches = self._orders.get(stream, (-1, np.empty([1, 0])))
    epoch, position = divmod(step, len(minibatches))
    if epoch != number:
      rows = self._everything if replica is None else self._subset(replica)
      epoch, position = divmod(step, len(rows) // self._batch_size)
      minibatches = order.epoch(
        rows, self._source.seed, stream, epoch, self._batch_size
      ).numpy()
      self._orders[stream] = epoch, minibatches
    return minibatches[position]
