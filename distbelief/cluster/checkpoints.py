"""Checkpoints of the parameter server; the paper does not speak of them.

Each shard is kept as it was between two of its own pushes, and the shards need not agree:
they do not in training either. Parameters and slots are kept as the model's flat vector,
so that a run resumes on another number of shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from distbelief.algorithms.rules import Rule
from distbelief.algorithms.statistics import Weights
from distbelief.cluster import shards as shards_lib
from distbelief.cluster.shards import TAIL
from distbelief.telemetry.steps import (
  COUNTED,
  INCARNATION,
  NEXT_STEP,
  SEQUENCE,
  counted_by_all,
)


class Checkpoint(NamedTuple):
  """The server at one time, as NumPy arrays."""

  parameters: np.ndarray  # [P] float32.
  slots: np.ndarray  # [number of slots, P] float32.
  statistics: np.ndarray  # [S] float32, of the model (algorithms/statistics.py).
  versions: np.ndarray  # [shards] int64.
  clients: np.ndarray  # [shards, replicas, 4] int64.
  released: np.ndarray  # [] int64.
  seconds: np.ndarray  # [] float64, since the first step's start.
  launch: np.ndarray  # [] int64, index of the launch that wrote it.

  @property
  def steps(self) -> int:
    """Minibatches that every shard has counted."""
    return int(counted_by_all(self.clients).sum())


def first(
  weights: Weights,
  rule: Rule,
  num_shards: int,
  num_replicas: int,
) -> Checkpoint:
  """Returns what a run begins with, at step 0, before its first launch."""
  flat = np.concatenate([np.ravel(tensor) for tensor in weights.params])
  statistics = [np.ravel(tensor) for tensor in weights.statistics]
  return Checkpoint(
    parameters=flat,
    slots=np.zeros([len(rule.slots), len(flat)], np.float32),
    statistics=np.concatenate([np.zeros([0], np.float32), *statistics]),
    versions=np.zeros([num_shards], np.int64),
    clients=np.tile(np.array(shards_lib.NO_CLIENT), [num_shards, num_replicas, 1]),
    released=np.int64(0),
    seconds=np.float64(0.0),
    launch=np.int64(-1),
  )


def from_states(
  states: Sequence[shards_lib.ShardState],
  sizes: Sequence[int],
  seconds: float,
  launch: int,
) -> Checkpoint:
  """Returns what the shards' snapshots make together.

  Args:
    states: One per shard.
    sizes: Parameters on each shard.
    seconds: Of the run, so far.
    launch: Its index.
  """
  vectors = [state.vector for state in states]
  slots = [
    np.concatenate([slot[:size] for slot, size in zip(parts, sizes)])
    for parts in zip(*(state.slots for state in states))
  ]
  parameters = np.concatenate([v[:size] for v, size in zip(vectors, sizes)])
  return Checkpoint(
    parameters=parameters,
    slots=np.array(slots, np.float32).reshape([-1, len(parameters)]),
    statistics=vectors[0][sizes[0] : -TAIL],
    versions=np.array([int(shards_lib.version_of(state.vector)) for state in states]),
    clients=np.stack([state.clients for state in states]),
    released=np.int64(max(int(state.released) for state in states)),
    seconds=np.float64(seconds),
    launch=np.int64(launch),
  )


def to_states(
  checkpoint: Checkpoint, sizes: Sequence[int], newest_incarnations: np.ndarray
) -> list[shards_lib.ShardState]:
  """Returns the shards' states to restore.

  Args:
    checkpoint: What to go back to.
    sizes: Parameters on each shard. If there are as many shards as then, each gets its
      own version and table of clients back; else all get the newest version, and of each
      client what all shards had counted.
    newest_incarnations: [replicas], those that have been used, by what came after the
      checkpoint as well; the next ones are new.
  """
  versions, clients = checkpoint.versions, checkpoint.clients
  if len(sizes) != len(versions):
    versions = np.repeat(versions.max(), len(sizes))
    merged = clients.max(axis=0)
    merged[:, COUNTED] = counted_by_all(clients)
    clients = np.repeat(merged[np.newaxis], len(sizes), axis=0)
  replicas = max(len(newest_incarnations), clients.shape[1])
  table = np.zeros([len(sizes), replicas, clients.shape[2]], np.int64)
  table[..., INCARNATION] = -1
  table[:, : clients.shape[1]] = clients
  newest = newest_incarnations
  table[:, : len(newest), INCARNATION] = np.maximum(
    table[:, : len(newest), INCARNATION], newest
  )
  table[..., SEQUENCE] = np.iinfo(np.int64).max  # Nobody goes on without registering.
  table[..., NEXT_STEP] = table[..., NEXT_STEP].max(axis=0)
  ends = np.cumsum(sizes)
  states = []
  for index, (size, end) in enumerate(zip(sizes, ends)):
    part = slice(end - size, end)
    statistics = checkpoint.statistics[: None if index == 0 else 0]
    tail = np.array(shards_lib.tail_of(versions[index]), np.float32)
    rest = np.concatenate([statistics, tail])
    states.append(
      shards_lib.ShardState(
        np.concatenate([checkpoint.parameters[part], rest]),
        tuple(
          np.concatenate([slot[part], np.zeros_like(rest)]) for slot in checkpoint.slots
        ),
        table[index],
        checkpoint.released,
      )
    )
  return states


class CheckpointWriter:
  """Writes checkpoints, and keeps the last few."""

  def __init__(self, directory: Path, kept: int) -> None:
    """Prepares to write.

    Args:
      directory: Of the checkpoints.
      kept: How many stay.
    """
    self._directory, self._kept = directory, kept
    self._manager: tf.train.CheckpointManager | None = None
    self._variables: dict[str, tf.Variable] = {}
    self._newest: int | None = None

  def write(self, checkpoint: Checkpoint) -> None:
    """Writes one, named by its steps; one of the same steps stays as it is."""
    if checkpoint.steps == self._newest:
      return
    self._newest = checkpoint.steps
    # By its whole name: in a cluster, 'CPU:0' may be any task's.
    with tf.device(tf.constant(0).device):
      if self._manager is None:
        self._variables = {
          name: tf.Variable(value) for name, value in checkpoint._asdict().items()
        }
        self._manager = tf.train.CheckpointManager(
          tf.train.Checkpoint(**self._variables), str(self._directory), self._kept
        )
      for name, value in checkpoint._asdict().items():
        self._variables[name].assign(value)
      self._manager.save(checkpoint_number=checkpoint.steps)


def latest(directory: Path) -> Checkpoint | None:
  """Returns the newest checkpoint, or None if there is none."""
  path = tf.train.latest_checkpoint(str(directory))
  if path is None:
    return None
  reader = tf.train.load_checkpoint(path)
  return Checkpoint(
    *(
      reader.get_tensor(f'{name}/.ATTRIBUTES/VARIABLE_VALUE')
      for name in Checkpoint._fields
    )
  )
