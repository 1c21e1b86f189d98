"""The traffic between tasks: bytes, counted, and the seconds that they take.

Counted from fetches, pushes and updates, not measured on the wire. No TensorFlow: reports
and the launcher count as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Exchange(NamedTuple):
  """The exchanges of some interval; rates per second may stand for counts."""

  fetches: float  # Fetches of the parameters from a server.
  pushes: float  # Pushes that a server received.
  updates: float  # New versions.
  num_replicas: int  # Replicas that take part in an update.


def fetches_and_pushes(exchange: Exchange, num_bytes: float) -> float:
  """Returns the bytes to and from a server: all parameters with each fetch and push.

  Args:
    exchange: Counts, or rates, of fetches and pushes.
    num_bytes: Bytes of the parameters.
  """
  return (exchange.fetches + exchange.pushes) * num_bytes


def all_reduces(exchange: Exchange, num_bytes: float) -> float:
  """Returns the bytes of one ring all-reduce for each update.

  Args:
    exchange: Counts, or rates, of updates.
    num_bytes: Bytes of the parameters.
  """
  replicas = exchange.num_replicas
  return exchange.updates * replicas * ring_bytes(replicas, num_bytes)


def nothing(unused_exchange: Exchange, unused_num_bytes: float) -> float:
  """Returns 0: one process exchanges nothing."""
  return 0.0


def ring_bytes(num_replicas: int, num_bytes: float) -> float:
  """Returns the bytes that a replica sends in a ring all-reduce: 2 (N - 1) / N of them.

  Args:
    num_replicas: Number of replicas in the ring, N.
    num_bytes: Number of bytes that are summed.
  """
  return 2.0 * (num_replicas - 1) / num_replicas * num_bytes


def transfer_seconds(num_bytes: float, bytes_per_second: float | None) -> float:
  """Returns how long bytes take on a link.

  Args:
    num_bytes: Number of bytes to move.
    bytes_per_second: Rate of the link; None: no limit.
  """
  return num_bytes / (math.inf if bytes_per_second is None else bytes_per_second)


def arrival_seconds(
  shard_bytes: Sequence[float],
  shard_bandwidth: float | None,
  replica_bandwidth: float | None,
) -> list[float]:
  """Returns when each shard's part has moved while nobody else uses a link, in seconds.

  Each shard has a link of its own; the replica's serves one part after the other.

  Args:
    shard_bytes: Bytes that travel to or from each shard.
    shard_bandwidth: Bytes per second of a shard's link; None: no limit.
    replica_bandwidth: Bytes per second of the replica's link; None: no limit.
  """
  found, sent = [], 0.0
  for size in shard_bytes:
    sent += size
    shard = transfer_seconds(size, shard_bandwidth)
    found.append(max(shard, transfer_seconds(sent, replica_bandwidth)))
  return found
