"""What it takes to move parameters: a link per replica and per shard, one transfer each.

A link serves one transfer after the other, in the order in which they were asked for,
whichever way they go. So a shard that many replicas talk to can be the bottleneck, and so
can a replica that talks to many shards.
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_collections

from distbelief.algorithms import traffic


class Link:
  """A machine's connection.

  Attributes:
    free: When it is, in simulated seconds.
  """

  def __init__(self, bytes_per_second: float | None) -> None:
    """Is free.

    Args:
      bytes_per_second: None: without a limit.
    """
    self._rate = bytes_per_second
    self.free = 0.0

  def seconds(self, size: float) -> float:
    """Returns how long so many bytes take."""
    return traffic.transfer_seconds(size, self._rate)


def least_travel(config: ml_collections.ConfigDict, sizes: Sequence[float]) -> float:
  """Returns the seconds of a fetch and a push while nobody else uses a link.

  Args:
    config: The run's.
    sizes: Bytes that travel to or from each shard.
  """
  options = config.simulation
  arrivals = traffic.arrival_seconds(
    sizes, options.shard_bandwidth, options.replica_bandwidth
  )
  return 2 * (config.cluster.latency_seconds + max(arrivals))


def send(shard: Link, replica: Link, size: float, now: float) -> float:
  """Moves bytes between a shard and a replica; returns when the last one has come.

  They go as soon as the shard's link is free. The replica's may still be busy then: the
  shard's is done with its part all the same, as if the rest waited on the way.

  Args:
    shard: The shard's link.
    replica: The replica's.
    size: Bytes.
    now: When it was asked for.
  """
  begin = max(now, shard.free)
  shard.free = begin + shard.seconds(size)
  received = max(begin, replica.free) + replica.seconds(size)
  replica.free = received
  return max(shard.free, received)
