"""The Downpour client's step, as in the appendix of Dean et al. (2012).

    step <- 0, accrued <- 0
    loop:
      if fetch_due(step): start fetching the parameters
      gradient   <- mean gradient of the next minibatch at the parameters
      accrued    <- accrue(accrued, gradient)
      parameters <- local_step(parameters, gradient)
      if push_due(step): start pushing accrued; accrued <- 0
      step <- step + 1

The cluster (cluster/downpour/client.py), the simulator (simulation/downpour.py) and
replay have a loop each, in a graph, as events and as recorded; these functions are its
body.
Parameters and gradients are lists of tensors, one per variable of the model: flattening
them at every step would cost as much as the matrix products.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import ml_collections
import numpy as np

Tensors: TypeAlias = list[Any]  # One tensor per variable of the model.


@dataclasses.dataclass(frozen=True)
class DownpourOptions:
  """The options of config.downpour for a replica's steps."""

  n_fetch: int  # Steps between two fetches.
  n_push: int  # Steps between two pushes.
  alpha: float  # Learning rate of the local steps.
  overlap: bool  # Whether fetch and push happen beside the computing.
  window_steps: int  # The most steps of a window.
  warmstart_steps: int  # Steps that replica 0 does alone at first.

  @classmethod
  def from_config(cls, config: ml_collections.ConfigDict) -> DownpourOptions:
    """Returns the options of a run."""
    options = config.downpour
    return cls(
      n_fetch=options.n_fetch,
      n_push=options.n_push,
      alpha=options.learning_rate,
      overlap=options.overlap,
      window_steps=options.window_steps,
      warmstart_steps=options.warmstart_steps,
    )

  @property
  def needs_local_steps(self) -> bool:
    """Whether local steps have an effect; else the next fetch always replaces them."""
    return self.n_fetch > 1


def fetch_due(step: Any, n_fetch: int) -> Any:
  """Returns whether a fetch starts at `step`: at 0, n_fetch, 2 n_fetch, ..."""
  return step % n_fetch == 0


def push_due(step: Any, n_push: int) -> Any:
  """Returns whether a push follows `step`: 0, n_push, 2 n_push, ...

  The test comes after accruing, so that the first push, at step 0, carries one
  gradient, and every later one n_push.
  """
  return step % n_push == 0


def accrue(accrued: Tensors, gradient: Tensors) -> Tensors:
  """Returns accrued + gradient: a push carries the sum, not the mean."""
  return [a + g for a, g in zip(accrued, gradient)]


def local_step(params: Tensors, gradient: Tensors, alpha: float) -> Tensors:
  """Returns params - alpha * gradient: plain SGD, whatever rule the server runs."""
  return [p - alpha * g for p, g in zip(params, gradient)]


def staleness(version_applied: Any, oldest_version: Any) -> Any:
  """Returns how many updates a shard applied between a push's fetch and the push.

  Args:
    version_applied: The shard's version after it applied the push; the first is 1.
    oldest_version: Version of that shard in the oldest parameters that any of the push's
      gradients was computed from.
  """
  return version_applied - 1 - oldest_version


def oldest_versions(
  held: np.ndarray, first: Sequence[int] | np.ndarray = (0,)
) -> np.ndarray:
  """Returns each shard's version in the oldest parameters used, [pushes, shards].

  For whole arrays of steps; a replica of a cluster keeps a running minimum instead.

  Args:
    held: Versions that each step of some pushes used, [steps, shards].
    first: Index of the first step of each push.
  """
  return np.minimum.reduceat(held, first, axis=0)


def window_steps(left: Any, num_replicas: int) -> Any:
  """Returns the most steps that a window should get, an int64 scalar or an int.

  A replica that is free asks for a window of steps; no replica has a quota. Near the end
  windows shorten, down to single steps, so that a slow replica's last window does not
  keep the others waiting for long: with a quarter of its share, 1 / (4 N) of what is
  left, one that is five times slower than the rest ends with them.

  Args:
    left: Steps in the pool.
    num_replicas: N.
  """
  return -(-left // (4 * num_replicas))
