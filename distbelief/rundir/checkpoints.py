"""Checkpoints of the parameter server; the paper does not mention any.

Each shard is saved as it was between two of its own pushes, and the shards' versions may
differ, as they do in training. Parameters and slots are saved as the model's flat vector,
so that a run can resume on another number of shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from distbelief.algorithms.rules import Rule
from distbelief.algorithms.statistics import Weights
from distbelief.models.objective import Objective
from distbelief.telemetry.steps import (
  COUNTED,
  INCARNATION,
  NEXT_STEP,
  NO_CLIENT,
  SEQUENCE,
  counted_by_all,
)


class Checkpoint(NamedTuple):
  """The state of the server at one time, as NumPy arrays."""

  parameters: np.ndarray  # [P] float32.
  slots: np.ndarray  # [number of slots, P] float32.
  statistics: np.ndarray  # [S] float32 (algorithms/statistics.py).
  versions: np.ndarray  # [shards] int64.
  clients: np.ndarray  # [shards, replicas, 4] int64.
  released: np.ndarray  # [] int64.
  seconds: np.ndarray  # [] float64, time since the first step's start.
  launch: np.ndarray  # [] int64, index of the launch that wrote it.

  def weights(self, objective: Objective) -> Weights:
    """Returns the model's parameters and statistics."""
    return Weights(
      objective.layout.unflatten(tf.constant(self.parameters)),
      objective.statistics_layout.unflatten(tf.constant(self.statistics)),
    )

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
  """Returns the initial checkpoint of a run, at step 0, before its first launch."""
  size = sum(np.size(tensor) for tensor in weights.params)
  return of_weights(
    weights,
    np.zeros([len(rule.slots), size], np.float32),
    np.zeros([num_shards], np.int64),
    np.tile(np.array(NO_CLIENT), [num_shards, num_replicas, 1]),
    released=False,
    seconds=0.0,
    launch=-1,
  )


def of_weights(
  weights: Weights,
  slots: np.ndarray | Sequence[np.ndarray],
  versions: np.ndarray,
  clients: np.ndarray,
  *,
  released: bool,
  seconds: float,
  launch: int,
) -> Checkpoint:
  """Returns a checkpoint from values per variable.

  Args:
    weights: Parameters and statistics.
    slots: Slots of the rule, each [P].
    versions: Version of each shard, as in Checkpoint.
    clients: Tables of clients of the shards, as in Checkpoint.
    released: Whether the warm start is over.
    seconds: Time since the first step's start.
    launch: Index of the launch.
  """
  parameters = np.concatenate([np.ravel(tensor) for tensor in weights.params])
  statistics = [np.ravel(tensor) for tensor in weights.statistics]
  return Checkpoint(
    parameters=parameters,
    slots=np.array(slots, np.float32).reshape([-1, len(parameters)]),
    statistics=np.concatenate([np.zeros([0], np.float32), *statistics]),
    versions=versions,
    clients=clients.copy(),
    released=np.array(released, np.int64),
    seconds=np.array(seconds, np.float64),
    launch=np.array(launch, np.int64),
  )


def tables(
  checkpoint: Checkpoint, num_shards: int, newest_incarnations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the versions and tables of clients with which the shards of a launch go on.

  If the number of shards is unchanged, each gets its own version and table back; else all
  get the newest version, and for each client the steps that all shards had counted.

  Args:
    checkpoint: Checkpoint to go back to.
    num_shards: Number of shards of this launch.
    newest_incarnations: Largest incarnation of each replica so far, [replicas], also
      after the checkpoint; the next ones are new.

  Returns:
    Versions [shards], and tables of clients [shards, replicas, 4], int64.
  """
  versions, clients = checkpoint.versions, checkpoint.clients
  if num_shards != len(versions):
    versions = np.repeat(versions.max(), num_shards)
    merged = clients.max(axis=0)
    merged[:, COUNTED] = counted_by_all(clients)
    clients = np.repeat(merged[np.newaxis], num_shards, axis=0)
  replicas = max(len(newest_incarnations), clients.shape[1])
  table = np.zeros([num_shards, replicas, clients.shape[2]], np.int64)
  table[..., INCARNATION] = -1
  table[:, : clients.shape[1]] = clients
  newest = newest_incarnations
  table[:, : len(newest), INCARNATION] = np.maximum(
    table[:, : len(newest), INCARNATION], newest
  )
  table[..., SEQUENCE] = np.iinfo(np.int64).max  # No replica goes on without registering.
  table[..., NEXT_STEP] = table[..., NEXT_STEP].max(axis=0)
  return versions, table


class CheckpointWriter:
  """Writes checkpoints, and keeps the newest ones."""

  def __init__(self, directory: Path, kept: int) -> None:
    """Opens the directory for writing.

    Args:
      directory: Directory of the checkpoints.
      kept: Number of checkpoints to keep.
    """
    self._directory, self._kept = directory, kept
    self._manager: tf.train.CheckpointManager | None = None
    self._variables: dict[str, tf.Variable] = {}
    self._newest: int | None = None

  def write(self, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint, named by its steps; an existing one of that name stays."""
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


def seconds(directory: Path) -> float:
  """Returns the seconds of training at a run's newest checkpoint; 0: none yet."""
  path = tf.train.latest_checkpoint(str(directory))
  return 0.0 if path is None else float(_reader(path)('seconds'))


def latest(directory: Path) -> Checkpoint | None:
  """Returns the newest checkpoint, or None if there is none."""
  path = tf.train.latest_checkpoint(str(directory))
  if path is None:
    return None
  return Checkpoint(*map(_reader(path), Checkpoint._fields))


def _reader(path: str) -> Callable[[str], np.ndarray]:
  reader = tf.train.load_checkpoint(path)
  return lambda name: reader.get_tensor(f'{name}/.ATTRIBUTES/VARIABLE_VALUE')
