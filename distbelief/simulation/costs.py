"""The cost model of the virtual clock: bytes that travel, and computing."""

from __future__ import annotations

from typing import NamedTuple

import ml_collections

from distbelief.algorithms.sharding import Sharding
from distbelief.models.objective import Objective

_BYTES = 4  # Size of a float32.
_FLOPS = 6  # Per parameter and example: forward 2, backward 4.


class Costs(NamedTuple):
  """Costs of the assumed network, which may be larger than the one that trains."""

  compute_seconds: float  # Time to compute a minibatch.
  shard_bytes: list[float]  # Bytes to or from each shard, with a fetch or a push.


def of(config: ml_collections.ConfigDict, objective: Objective, num_shards: int) -> Costs:
  """Returns the costs of config.simulation."""
  options = config.simulation
  sizes = Sharding(objective.shapes, num_shards).sizes
  own = sum(sizes)
  paid = own if options.charged_parameters is None else options.charged_parameters
  bytes_of_shards = [_BYTES * size * paid / own for size in sizes]
  bytes_of_shards[0] += _BYTES * objective.statistics_layout.size
  seconds = options.compute_seconds
  if seconds is None:
    seconds = _FLOPS * paid * config.data.batch_size / options.flops_per_second
  return Costs(seconds, bytes_of_shards)
