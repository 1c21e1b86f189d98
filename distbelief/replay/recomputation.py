"""What recomputes a schedule: one class per way of updating, named by the algorithm."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from distbelief.algorithms.statistics import Weights
from distbelief.replay.schedules import Schedule

# How far losses may be from those of the run, relative. On a machine of the same kind
# they are the same to the last bit; what another one rounds otherwise, by 1e-7, training
# at a large rate may make more of.
LOSS_TOLERANCE = 1e-3


class Recomputation(Protocol):
  """A launch of a run, computed anew from where the one before it ended.

  It is made with (config, objective, minibatches, weights, slots, starts, released,
  num_replicas, as_workers): `starts` the versions to begin with, [shards] int64;
  `released` whether the warm start's end has been seen; `num_replicas` those of the
  launch; `as_workers` whether the run was a cluster's.

  Attributes:
    losses: By replica, the loss of its last minibatch.
  """

  losses: dict[int, float]

  def play(self, schedule: Schedule) -> None:
    """Computes a schedule; raises MisfitError where the records differ."""
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
    """Whether the warm start's end has been seen."""
    ...

  def accrued(self) -> dict[int, list[np.ndarray]]:
    """Returns by replica what it has computed and nobody has applied."""
    ...
