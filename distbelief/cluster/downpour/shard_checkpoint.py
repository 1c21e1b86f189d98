"""Converts the shards' states to a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distbelief.cluster.downpour.shards import ShardState
from distbelief.cluster.downpour.versions import TAIL, tail_of, version_of
from distbelief.rundir import checkpoints


def from_states(
  states: Sequence[ShardState],
  sizes: Sequence[int],
  seconds: float,
  launch: int,
) -> checkpoints.Checkpoint:
  """Returns the checkpoint that the shards' snapshots make together.

  Args:
    states: State of each shard.
    sizes: Number of parameters on each shard.
    seconds: Seconds of the run so far.
    launch: Index of the launch.
  """
  vectors = [state.vector for state in states]
  slots = [
    np.concatenate([slot[:size] for slot, size in zip(parts, sizes)])
    for parts in zip(*(state.slots for state in states))
  ]
  parameters = np.concatenate([v[:size] for v, size in zip(vectors, sizes)])
  return checkpoints.Checkpoint(
    parameters=parameters,
    slots=np.array(slots, np.float32).reshape([-1, len(parameters)]),
    statistics=vectors[0][sizes[0] : -TAIL],
    versions=np.array([int(version_of(state.vector)) for state in states]),
    clients=np.stack([state.clients for state in states]),
    released=np.array(max(int(state.released) for state in states), np.int64),
    seconds=np.array(seconds, np.float64),
    launch=np.array(launch, np.int64),
  )


def to_states(
  checkpoint: checkpoints.Checkpoint,
  sizes: Sequence[int],
  newest_incarnations: np.ndarray,
) -> list[ShardState]:
  """Returns the shards' states to restore.

  Args:
    checkpoint: Checkpoint to go back to.
    sizes: Number of parameters on each shard.
    newest_incarnations: Largest incarnations so far, as in `checkpoints.tables`.
  """
  versions, table = checkpoints.tables(checkpoint, len(sizes), newest_incarnations)
  ends = np.cumsum(sizes)
  states = []
  for index, (size, end) in enumerate(zip(sizes, ends)):
    part = slice(end - size, end)
    statistics = checkpoint.statistics[: None if index == 0 else 0]
    tail = np.array(tail_of(versions[index]), np.float32)
    rest = np.concatenate([statistics, tail])
    states.append(
      ShardState(
        np.concatenate([checkpoint.parameters[part], rest]),
        tuple(
          np.concatenate([slot[part], np.zeros_like(rest)]) for slot in checkpoint.slots
        ),
        table[index],
        checkpoint.released,
      )
    )
  return states
