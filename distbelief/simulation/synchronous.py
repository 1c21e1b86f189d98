"""Synchronous SGD in simulated time, with backup workers if there are any.

An update takes the gradients of the first num_replicas - backup_workers replicas to
arrive (Chen et al. 2016, "Revisiting Distributed Synchronous SGD"); late ones are
discarded, and all replicas begin the next update together. So a step takes an order
statistic of the replicas' times, the maximum without backups, and then the all-reduce.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import ml_collections
import numpy as np

from distbelief.algorithms import traffic
from distbelief.simulation.machines import Machines
from distbelief.simulation.network import Link


class Update(NamedTuple):
  """The times of an update, in simulated seconds."""

  begin: float
  computed: np.ndarray  # [replicas], when each had its gradient, or discarded it.
  counted: np.ndarray  # [replicas] bool, whether its gradient is in the update.
  gathered: float  # When the last of these had arrived.
  summed: float  # The end of the all-reduce.
  end: float


class _Deaths:
  """The times at which a replica dies and is back, one after the other."""

  def __init__(self, lives: Iterator[float], restart_seconds: float) -> None:
    self._lives, self._restart_seconds = lives, restart_seconds
    self._known: list[tuple[float, float]] = []

  def __getitem__(self, index: int) -> tuple[float, float]:
    while index >= len(self._known):
      _, before = self._known[-1] if self._known else (0.0, 0.0)
      dies = before + next(self._lives, math.inf)
      self._known.append((dies, dies + self._restart_seconds))
    return self._known[index]


class Barrier:
  """Replicas that wait for one another."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    machines: Machines,
    num_bytes: float,
    num_replicas: int,
    num_backups: int,
    start: float = 0.0,
  ) -> None:
    """Determines which replicas are alive.

    Args:
      config: Config of the run.
      machines: Machines of the replicas.
      num_bytes: Bytes of the parameters.
      num_replicas: Number of replicas, with the backups.
      num_backups: Number of replicas that an update does without.
      start: Time at which the first update begins, in simulated seconds.
    """
    self._machines, self._num_replicas = machines, num_replicas
    self._needed = num_replicas - num_backups
    options = config.simulation
    link = Link(options.replica_bandwidth)
    self._travel = link.seconds(traffic.ring_bytes(self._needed, num_bytes))
    if self._needed > 1:
      self._travel += config.cluster.latency_seconds
    self._update_seconds = options.update_seconds
    self._deaths = [
      _Deaths(machines.lives(replica), options.restart_seconds)
      for replica in range(num_replicas)
    ]
    self._died = [0] * num_replicas  # Number of deaths of each.
    self._back = [0] * num_replicas  # Number of returns of each.
    self._pass(start)
    self._died_before = sum(self._died)

  @property
  def deaths(self) -> int:
    """Number of deaths of replicas since the start."""
    return sum(self._died) - self._died_before

  def update(self, begin: float, step: int) -> Update:
    """Returns the update that begins at `begin`."""
    done = np.array(
      [self._computed(replica, step, begin) for replica in range(self._num_replicas)]
    )
    first = np.argsort(done, kind='stable')[: self._needed]
    gathered = float(done[first].max())
    counted = np.zeros([self._num_replicas], bool)
    counted[first] = True
    summed = gathered + self._travel
    end = summed + self._update_seconds
    self._pass(end)
    return Update(begin, np.minimum(done, gathered), counted, gathered, summed, end)

  def _pass(self, now: float) -> None:
    """Counts the deaths and returns of replicas until now."""
    for replica, deaths in enumerate(self._deaths):
      while deaths[self._died[replica]][0] <= now:
        self._died[replica] += 1
      while deaths[self._back[replica]][1] <= now:
        self._back[replica] += 1

  def _computed(self, replica: int, step: int, begin: float) -> float:
    """Returns when a replica has its gradient; it computes anew if it dies meanwhile."""
    index = self._back[replica]
    while True:
      dies, back = self._deaths[replica][index]
      if dies > begin:
        end = begin + self._machines.step_seconds(replica, step, begin)
        if end <= dies:
          return end
      begin, index = max(begin, back), index + 1
