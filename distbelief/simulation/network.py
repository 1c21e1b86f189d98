"""Simulated links: one per replica and one per shard, each with one transfer at a time.

A link serves one transfer after the other, in the order of the requests, in either
direction. So a shard with many replicas can be the bottleneck, and so can a replica with
many shards.
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_collections

from distbelief.algorithms import traffic


class Link:
  """A machine's connection.

  Attributes:
    free: Time from which it is idle, in simulated seconds.
  """

  def __init__(self, bytes_per_second: float | None) -> None:
    """Creates an idle link.

    Args:
      bytes_per_second: Rate of the link; None: no limit.
    """
    self._rate = bytes_per_second
    self.free = 0.0

  def seconds(self, size: float) -> float:
    """Returns the duration of a transfer of so many bytes."""
    return traffic.transfer_seconds(size, self._rate)


def least_travel(config: ml_collections.ConfigDict, sizes: Sequence[float]) -> float:
  """Returns the seconds of a fetch and a push on otherwise idle links.

  Args:
    config: Config of the run.
    sizes: Bytes that travel to or from each shard.
  """
  options = config.simulation
  arrivals = traffic.arrival_seconds(
    sizes, options.shard_bandwidth, options.replica_bandwidth
  )
  return 2 * (config.cluster.latency_seconds + max(arrivals))


def send(shard: Link, replica: Link, size: float, now: float) -> float:
  """Moves bytes between a shard and a replica; returns the arrival time of the last one.

  They leave as soon as the shard's link is idle. The replica's may still be busy then:
  the shard's is not held up by it, as if the bytes waited on the way.

  Args:
    shard: Link of the shard.
    replica: Link of the replica.
    size: Number of bytes.
    now: Time of the request.
  """
  begin = max(now, shard.free)
  shard.free = begin + shard.seconds(size)
  received = max(begin, replica.free) + replica.seconds(size)
  replica.free = received
  return max(shard.free, received)
