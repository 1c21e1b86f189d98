"""The interface of recomputing a schedule; the algorithm names the class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from distbelief.algorithms.statistics import Weights
from distbelief.replay.schedules import Schedule

# Relative difference of losses from those of the run that is allowed. On a machine of the
# same kind they are the same to the last bit; on another one, rounding differs by 1e-7,
# which training at a large rate may amplify.
LOSS_TOLERANCE = 1e-3


class LaunchStart(NamedTuple):
  """What a launch of a run starts from.

  Attributes:
    weights: Parameters and statistics.
    slots: Slots of the server's rule, each [P] float32; none: they are new.
    versions: Versions of the shards, [shards] int64.
    released: Whether the warm start is over.
    num_replicas: Number of replicas of the launch.
  """

  weights: Weights
  slots: list[np.ndarray]
  versions: np.ndarray
  released: bool
  num_replicas: int

  def tensors(self) -> tuple[Weights, list[tf.Tensor]]:
    """Returns the weights and the slots as tensors."""
    weights = ([tf.constant(array) for array in part] for part in self.weights)
    return Weights(*weights), [tf.constant(slot) for slot in self.slots]


class LaunchEnd(NamedTuple):
  """What a launch of a run, or a part of it, has led to.

  Attributes:
    weights: Parameters and statistics.
    slots: Slots of the server's rule, each [P] float32.
    versions: Versions of the shards, [shards] int64.
    released: Whether the warm start is over.
    accrued: Gradients that are computed but not applied, by replica.
    losses: Loss of the last minibatch of each replica, by its index.
    kept: Weights of the versions that were to be kept.
  """

  weights: Weights
  slots: list[np.ndarray]
  versions: np.ndarray
  released: bool
  accrued: dict[int, list[np.ndarray]]
  losses: dict[int, float]
  kept: Mapping[int, Weights] = {}


class Recomputation(Protocol):
  """Recomputes a launch of a run from the end of the previous one.

  It is created with (config, objective, minibatches, start, as_workers): the minibatches
  are those of its replicas; `as_workers` is whether the run was a cluster's, whose
  updates were not compiled.

  Attributes:
    losses: Loss of the last minibatch of each replica, by its index.
  """

  losses: dict[int, float]

  def keep(self, versions: Collection[int]) -> None:
    """Keeps the weights of versions that `play` will make, or begins with."""
    ...

  @property
  def kept(self) -> Mapping[int, Weights]:
    """Weights of the versions kept, once they are made."""
    ...

  def play(self, schedule: Schedule) -> None:
    """Computes a schedule; raises MisfitError if the records differ."""
    ...

  @property
  def versions(self) -> np.ndarray:
    """Versions of the shards now, [shards] int64."""
    ...

  @property
  def weights(self) -> Weights:
    """Parameters and statistics now."""
    ...

  @property
  def slots(self) -> list[np.ndarray]:
    """The server rule's slots now, each [P] float32."""
    ...

  @property
  def released(self) -> bool:
    """Whether the warm start is over."""
    ...

  def accrued(self) -> dict[int, list[np.ndarray]]:
    """Returns by replica the gradients that are computed but not applied."""
    ...
