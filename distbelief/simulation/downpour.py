"""Downpour SGD in simulated time: replicas, shards and links as a queue of events.

The times of all events follow from the config alone: how long steps take (machines.py),
how long parameters travel (network.py), when replicas die. The same pure functions as on
a cluster define what is fetched, accrued and pushed at which step
(algorithms/downpour.py); the numbers are computed beside the events (dataflow.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from distbelief.algorithms import downpour
from distbelief.recompute.dataflow import Dataflow, Push, Step
from distbelief.simulation.events import EventQueue
from distbelief.simulation.machines import Machines
from distbelief.simulation.network import Link, send
from distbelief.telemetry.steps import (
  COUNTED,
  INCARNATION,
  NEXT_STEP,
  SEQUENCE,
  Times,
  counted_by_all,
)

_NAN = float('nan')


class Applied(NamedTuple):
  """An update requested of a shard."""

  shard: int
  push: Push
  began: float
  end: float


class Travelled(NamedTuple):
  """The times of a push."""

  push: Push
  start: float
  end: float


@dataclasses.dataclass(slots=True, eq=False)
class _Replica:
  """The state of a replica between two events; times in simulated seconds."""

  index: int
  link: Link
  lives: Iterator[float]
  life: int = 0  # Number of its deaths; events of an earlier life are void.
  alive: bool = True
  idle: bool = False  # The pool had no steps for it.
  incarnation: int = -1
  step: int = 0  # The next one.
  sequence: int = 0  # Number of the next push.
  first: bool = True  # No step done since registering.
  left: int = 0  # Steps left of its window.
  opens_window: bool = False  # The next step is the first of its window.
  ready_at: float = 0.0  # When the last step ended.
  held: tuple[int, ...] | None = None  # Fetched versions, for the next step.
  push: Push | None = None  # Carries the accrued steps.
  busy: int = 0  # How many of an overlapped step's fetch, push, computing are under way.
  fetch: tuple[float, float] = (_NAN, _NAN)  # Times of the current step's fetch.
  began: float = 0.0
  fresh: bool = False
  next_held: tuple[int, ...] | None = None  # Fetched beside the step.
  fetching: list[int | None] | None = None  # Versions received so far.
  computed: float = 0.0

  @property
  def client(self) -> tuple[int, int]:
    """Its key in the dataflow."""
    return self.index, self.incarnation


class _PushSampler:
  """Chooses the pushes to sample, as cluster/downpour/sampler.py does."""

  def __init__(self, seconds: float, num_replicas: int) -> None:
    self._seconds = seconds
    self._sampled_at = [-np.inf] * num_replicas

  def on_push(self, replica: int, now: float) -> bool:
    """Returns whether a replica's push is to be sampled."""
    if not self._seconds or now - self._sampled_at[replica] < self._seconds:
      return False
    self._sampled_at[replica] = now
    return True


class Cluster:
  """Replicas that train, and the shards that they fetch from and push to.

  Attributes:
    clients: Tables of clients of the shards, [shards, replicas, 4] int64
      (telemetry/steps.py).
    done: Number of minibatches that every shard has counted.
    returned: Number of steps of replicas that died, given back to the pool.
    deaths: Number of deaths.
    applied: Updates since the list was last taken.
    travelled: Pushes since the list was last taken.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    events: EventQueue,
    flow: Dataflow,
    machines: Machines,
    shard_bytes: list[float],
    clients: np.ndarray,
    num_replicas: int,
  ) -> None:
    """Creates the replicas; none has started.

    Args:
      config: Config of the run.
      events: Queue of events, and clock.
      flow: Dataflow that computes the numbers.
      machines: Machines of the replicas.
      shard_bytes: Bytes to or from each shard with a push or a fetch.
      clients: Initial tables of clients of the shards.
      num_replicas: Number of replicas.
    """
    self._events, self._flow, self._machines = events, flow, machines
    network = config.simulation
    options = self._options = downpour.DownpourOptions.from_config(config)
    self._begin_step = self._overlapped if options.overlap else self._blocking
    self._latency = config.cluster.latency_seconds
    self._update_seconds = network.update_seconds
    self._window_seconds = network.window_seconds
    self._restart_seconds = network.restart_seconds
    self._sampler = _PushSampler(config.telemetry.swarm_seconds, num_replicas)
    self._bytes = shard_bytes
    self._links = [Link(network.shard_bandwidth) for _ in shard_bytes]
    self._locks = [0.0 for _ in shard_bytes]  # When each shard's mutex is free.
    self._replicas = [
      _Replica(index, Link(network.replica_bandwidth), machines.lives(index))
      for index in range(num_replicas)
    ]
    self.clients = clients
    self._granted = counted_by_all(clients)
    self.done = int(self._granted.sum())
    self._counted = self._granted.copy()  # Steps counted by all shards.
    self._limit, self._alone = 0, False
    self.returned = self.deaths = 0
    self.applied: list[Applied] = []
    self.travelled: list[Travelled] = []

  # The pool.

  def open(self, limit: int, alone: bool) -> None:
    """Lets `limit` steps be done in all, by replica 0 only if `alone`."""
    self._limit, self._alone = limit, alone
    for replica in self._replicas:
      if replica.incarnation < 0:
        self._join(replica, replica.life)
        self._live(replica, self._events.now)
      else:
        self._wake(replica)

  def _take(self, replica: _Replica) -> int:
    left = max(self._limit - int(self._granted.sum()), 0)
    if self._alone:
      taken = 0 if replica.index else left
    else:
      taken = min(
        downpour.window_steps(left, len(self._replicas)), self._options.window_steps
      )
    self._granted[replica.index] += taken
    return taken

  def _wake(self, replica: _Replica) -> None:
    if replica.alive and replica.idle:
      replica.idle = False
      self._begin_window(replica, replica.life)

  # Lives.

  def _join(self, replica: _Replica, life: int) -> None:
    """Registers a new incarnation, which goes on after the last step."""
    if life != replica.life:
      return
    own = self.clients[:, replica.index]
    replica.incarnation = int(own[0, INCARNATION]) + 1
    own[:, INCARNATION], own[:, SEQUENCE] = replica.incarnation, -1
    counted = int(own[:, COUNTED].min())
    self.returned += int(self._granted[replica.index]) - counted
    self._granted[replica.index] = counted
    replica.step, replica.sequence = int(own[:, NEXT_STEP].max()), 0
    replica.first, replica.alive, replica.idle = True, True, False
    replica.ready_at = self._events.now
    replica.push = replica.held = None
    if self._options.overlap:  # One blocking fetch before the pipeline starts.
      self._fetch(replica, self._joined)
    else:
      self._begin_window(replica, life)
    if replica.life:  # Steps may have returned to the pool.
      for other in self._replicas:
        self._wake(other)

  def _joined(self, replica: _Replica, held: tuple[int, ...]) -> None:
    replica.held = held
    self._begin_window(replica, replica.life)

  def _live(self, replica: _Replica, since: float) -> None:
    """Schedules the death of a replica, if it has a limited life."""
    seconds = next(replica.lives, None)
    if seconds is not None:
      self._events.at(since + seconds, self._die, replica)

  def _die(self, replica: _Replica) -> None:
    replica.life += 1
    replica.alive = False
    self.deaths += 1
    for held in (replica.held, replica.next_held, replica.fetching):
      for shard, version in enumerate(held or ()):
        if version is not None:
          self._flow.release(shard, version)
    replica.held = replica.next_held = replica.fetching = None
    self._flow.lose(replica.client)
    back = self._events.now + self._restart_seconds
    self._events.at(back, self._join, replica, replica.life)
    self._live(replica, back)

  # Windows and steps.

  def _begin_window(self, replica: _Replica, life: int) -> None:
    """Asks for steps; without any, pushes the accrued gradients and waits for more."""
    if life != replica.life:
      return
    replica.left = self._take(replica)
    if replica.left:
      now, replica.opens_window = self._events.now, True
      if self._window_seconds:
        self._events.at(now + self._window_seconds, self._step_begins, replica, life)
      else:
        self._begin_step(replica)
    elif replica.push is not None:
      self._send(replica, replica.push, self._flushed)
    else:
      replica.idle = True

  def _flushed(self, replica: _Replica) -> None:
    self._begin_window(replica, replica.life)

  def _step_begins(self, replica: _Replica, life: int) -> None:
    if life == replica.life:
      self._begin_step(replica)

  def _blocking(self, replica: _Replica) -> None:
    """Fetch if due, compute, push if due: one after the other."""
    replica.began = self._events.now
    replica.fresh = bool(
      downpour.fetch_due(replica.step, self._options.n_fetch) or replica.first
    )
    replica.fetch = (_NAN, _NAN)
    if replica.fresh:
      self._fetch(replica, self._fetched)
    else:
      self._compute(replica)

  def _fetched(self, replica: _Replica, held: tuple[int, ...]) -> None:
    replica.fetch = replica.began, self._events.now
    replica.held = held
    self._compute(replica)

  def _compute(self, replica: _Replica) -> None:
    now = self._events.now
    seconds = self._machines.step_seconds(replica.index, replica.step, now)
    # It is recorded and computed when it ends: its replica may die before.
    self._events.at(now + seconds, self._computed, replica, replica.life, now)

  def _computed(self, replica: _Replica, life: int, start: float) -> None:
    if life != replica.life:
      return
    now = self._events.now
    push = self._accrue(replica, start, now)
    due = downpour.push_due(replica.step, self._options.n_push)
    self._advance(replica)
    if due:
      self._send(replica, push, self._step_ends)
    else:
      self._step_ends(replica)

  def _step_ends(self, replica: _Replica) -> None:
    replica.ready_at = self._events.now
    self._go_on(replica)

  def _go_on(self, replica: _Replica) -> None:
    replica.left -= 1
    if replica.left:
      self._begin_step(replica)
    else:
      self._begin_window(replica, replica.life)

  def _overlapped(self, replica: _Replica) -> None:
    """Pushes for the step before, fetches for the step after, computes: all at once."""
    now = self._events.now
    replica.began, replica.fetch, replica.busy = now, (_NAN, _NAN), 1
    replica.fresh = bool(
      replica.first or downpour.fetch_due(replica.step - 1, self._options.n_fetch)
    )
    if downpour.fetch_due(replica.step, self._options.n_fetch):
      replica.busy += 1
      self._fetch(replica, self._fetched_beside)
    if replica.push is not None and downpour.push_due(
      replica.step - 1, self._options.n_push
    ):
      replica.busy += 1
      self._send(replica, replica.push, self._one_of_three)
    seconds = self._machines.step_seconds(replica.index, replica.step, now)
    self._events.at(now + seconds, self._computed_beside, replica, replica.life)

  def _fetched_beside(self, replica: _Replica, held: tuple[int, ...]) -> None:
    replica.fetch = replica.began, self._events.now
    replica.next_held = held
    self._one_of_three(replica)

  def _computed_beside(self, replica: _Replica, life: int) -> None:
    if life == replica.life:
      replica.computed = self._events.now
      self._one_of_three(replica)

  def _one_of_three(self, replica: _Replica) -> None:
    replica.busy -= 1
    if replica.busy:
      return
    # The next step waits for this fetch and this push, and that wait is its own.
    self._accrue(replica, replica.began, replica.computed)
    self._advance(replica)
    replica.held, replica.next_held = replica.next_held, None
    replica.ready_at = replica.computed
    self._go_on(replica)

  def _accrue(self, replica: _Replica, start: float, end: float) -> Push:
    """Adds the step that computed from `start` to `end` to the next push."""
    step = Step(replica.index, replica.step, replica.held if replica.fresh else None)
    fetch_start, fetch_end = replica.fetch
    step.times = Times(
      fetch_start=fetch_start,
      fetch_end=fetch_end,
      compute_start=start,
      compute_end=end,
      wait_start=replica.ready_at,
      wait_end=replica.began,
    )
    step.opens_window, replica.opens_window = replica.opens_window, False
    if replica.push is None:
      replica.push = Push(replica.client, replica.sequence)
    replica.held = None
    self._flow.add(step, replica.push)
    return replica.push

  def _advance(self, replica: _Replica) -> None:
    replica.step += 1
    replica.first = False

  # Transfers.

  def _at(self, time: float, call: Callable[..., None], *args: Any) -> None:
    """Schedules a call at a time: at once if that is now."""
    if time <= self._events.now:
      call(*args)
    else:
      self._events.at(time, call, *args)

  def _fetch(
    self, replica: _Replica, then: Callable[[_Replica, tuple[int, ...]], None]
  ) -> None:
    """Reads every shard, each at its version when it is asked."""
    held: list[int | None] = [None] * len(self._links)
    life, missing = replica.life, [len(held)]
    replica.fetching = held

    def ask(shard: int) -> None:
      if life == replica.life:
        # A real shard reads when it is asked; the answer then waits for the link.
        held[shard] = self._flow.hold(shard)
        end = send(self._links[shard], replica.link, self._bytes[shard], self._events.now)
        self._at(end, received)

    def received() -> None:
      if life != replica.life:
        return
      missing[0] -= 1
      if not missing[0]:
        replica.fetching = None
        then(replica, tuple(version for version in held if version is not None))

    for shard in range(len(held)):
      self._at(self._events.now + self._latency, ask, shard)

  def _send(
    self, replica: _Replica, push: Push, then: Callable[[_Replica], None]
  ) -> None:
    """Pushes accrued gradients to all shards; calls `then` when all have applied them."""
    start = self._events.now
    replica.push = None
    replica.sequence += 1
    next_step = replica.step
    push.warm = replica.index == 0 and next_step <= self._options.warmstart_steps
    push.sampled = self._sampler.on_push(replica.index, start)
    self._flow.close(push)
    life, missing = replica.life, [len(self._links)]

    def go(shard: int) -> None:
      if life == replica.life:
        end = send(self._links[shard], replica.link, self._bytes[shard], self._events.now)
        self._at(end, arrive, shard)

    def arrive(shard: int) -> None:
      if life != replica.life:
        return
      push.arrived = True
      began = max(self._events.now, self._locks[shard])
      self._locks[shard] = end = began + self._update_seconds
      self._at(end, update, shard, began)

    def update(shard: int, began: float) -> None:
      if self.clients[shard, replica.index, INCARNATION] != push.client[1]:
        self._flow.refuse(push)  # A newer incarnation has replaced its sender.
        return
      self._flow.apply(push, shard)
      self.applied.append(Applied(shard, push, began, self._events.now))
      self._count(shard, push, next_step)
      missing[0] -= 1
      if not missing[0] and life == replica.life:
        self.travelled.append(Travelled(push, start, self._events.now))
        then(replica)

    for shard in range(len(self._links)):
      self._at(start + self._latency, go, shard)

  def _count(self, shard: int, push: Push, next_step: int) -> None:
    replica, _ = push.client
    own = self.clients[shard, replica]
    own[SEQUENCE], own[NEXT_STEP] = push.sequence, next_step
    own[COUNTED] += len(push.steps)
    counted = int(self.clients[:, replica, COUNTED].min())
    self.done += counted - int(self._counted[replica])
    self._counted[replica] = counted
