"""Recomputes a schedule of steps and pushes, independent of any clock.

The times of a replica's steps, fetches and pushes do not depend on the numbers that it
computes. So a schedule, simulated or recorded, defines the shards' versions from which
each step starts, and the order in which each shard applies the pushes; the numbers
follow. A gradient can be computed once its parameters are known, an update made once its
gradient is: all that can be computed at one time is computed in one call (gradients.py).

Versions of the schedule count pushes. A push whose gradient is not finite changes nothing
and makes no version at a real shard, which is known only here: `Push.versions` and
`Step.held_versions` are those that a real shard would have had.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from distbelief.algorithms import downpour
from distbelief.algorithms.sharding import FlatLayout
from distbelief.algorithms.statistics import Weights
from distbelief.recompute.gradients import SIZES, Gradients, Held, Sum
from distbelief.recompute.updates import LENGTHS, Updates
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import Times

Client: TypeAlias = tuple[int, int]  # (replica, incarnation).

_NO_TIMES = Times()
_COMPANY = 8  # Steps computed in a batch while updates are made; fewer are deferred.


@dataclasses.dataclass(slots=True)
class Step:
  """A replica's step: the parameters that it starts from, and its results."""

  replica: int
  step: int
  held: tuple[int, ...] | None  # The schedule's versions; None: the last local step's.
  times: Times = _NO_TIMES  # Not used here.
  opens_window: bool = False  # Likewise.
  held_versions: tuple[int, ...] = ()
  loss: float = float('nan')
  accuracy: float = float('nan')


@dataclasses.dataclass(slots=True)
class Push:
  """A replica's push: the sum of its steps' gradients."""

  client: Client
  sequence: int
  warm: bool = False
  steps: list[Step] = dataclasses.field(default_factory=list)
  closed: bool = False  # It has all its steps.
  arrived: bool = False  # At some shard: then it is applied even if its sender dies.
  refused: int = 0  # Number of shards that refuse it: a newer incarnation had come.
  turn: float = math.inf  # Its place in the order of all requested updates.
  sampled: bool = False  # Whether it is to be sketched.
  sum: Sum | None = None  # While all its steps are computed, but not all shards have it.
  finite: bool = True
  used: Held | None = None  # Parameters of its last step, if it is to be sketched.
  oldest_versions: (
    np.ndarray | tuple[int, ...]
  ) = ()  # [shards], used by any of its steps.
  versions: dict[int, int] = dataclasses.field(default_factory=dict)  # By shard.
  staleness: dict[int, int] = dataclasses.field(default_factory=dict)  # Likewise.
  sketches: list[Any] = dataclasses.field(default_factory=list)  # As telemetry.swarm.

  @property
  def computed(self) -> Sum:
    """Its sum, which must be there."""
    if self.sum is None:
      raise ValueError(f'push {self.sequence} of replica {self.client[0]} has no sum')
    return self.sum


class StuckError(Exception):
  """No order of steps and pushes is consistent with the schedule."""


@dataclasses.dataclass(slots=True)
class _Kept:
  """A shard's parameters from which some steps are still to start."""

  needed: int
  version: int = -1
  params: tf.Tensor | None = None  # [P_s].
  statistics: tf.Tensor | None = None  # [S], on the first shard.


@dataclasses.dataclass(slots=True)
class _Shard:
  params: tf.Tensor  # [P_s].
  slots: tuple[tf.Tensor, ...]  # Slots of the rule, each [P_s].
  made: int = 0  # The schedule's version.
  version: int = 0
  released: bool = False
  asked: int = 0  # The schedule's version when all in `queue` is done.
  queue: collections.deque[Push] = dataclasses.field(default_factory=collections.deque)
  kept: dict[int, _Kept] = dataclasses.field(default_factory=dict)


class _Made(NamedTuple):
  """An update that a shard has performed."""

  shard: int
  push: Push
  version: int
  staleness: int | None  # None: it was not applied.
  params: tf.Tensor | None  # If a step is still to start from them.
  statistics: tf.Tensor | None


@dataclasses.dataclass(slots=True)
class _Chain:
  """The state of a client between two steps."""

  steps: collections.deque[tuple[Step, Push]]
  used: Held | None = None  # Parameters of the last step.
  held: Held | None = None  # Parameters of the next step.
  held_versions: tuple[int, ...] = ()
  sum: Sum | None = None  # Accrued since the last push.
  dead: bool = False  # Only the steps in `steps` are still to be computed.


def _full_calls(ready: list[_Chain]) -> list[_Chain]:
  """Returns the chains whose push is due first, as many as fill calls of one size.

  The rest is deferred until it fills a batch, since a gradient computed alone takes twice
  as long; if there are enough, half of them are left to be computed beside the updates.
  """
  ready.sort(key=lambda chain: chain.steps[0][1].turn)
  most = max(len(ready) // 2, min(len(ready), _COMPANY))
  size = next(size for size in SIZES if size <= most)
  return ready[: most // size * size]


class Dataflow:
  """Computes the numbers of a schedule, in any order that its dependencies allow.

  Attributes:
    seconds: Real seconds spent on gradients and on waiting for updates.
  """

  def __init__(
    self,
    gradients: Gradients,
    updates: Updates,
    weights: Weights,
    slots: Sequence[tf.Tensor] = (),
    versions: Sequence[int] | None = None,
    released: bool = False,
    *,
    sketch: Sketch,
  ) -> None:
    """Starts from the shards' state.

    Args:
      gradients: Computes gradients.
      updates: Applies pushes.
      weights: Weights of the server.
      slots: Slots of the rule, each [P]; zeros if there are none.
      versions: Versions of the shards; 0 by default.
      released: Whether the warm start is over.
      sketch: Sketch of the parameters, for sampled pushes.
    """
    self._gradients, self._updates = gradients, updates
    sharding = self._sharding = gradients.sharding
    statistics = self._statistics_layout = gradients.statistics
    slices = sharding.split(weights.params)
    self._statistics = statistics.flatten(weights.statistics)
    whole = FlatLayout(sharding.shapes)
    slots_of = [sharding.split(whole.unflatten(slot)) for slot in slots] or [
      [tf.zeros_like(part) for part in slices] for _ in updates.rule.rule.slots
    ]
    self._shards = [
      _Shard(slices[i], tuple(slot[i] for slot in slots_of), v, v, released, v)
      for i, v in enumerate(versions or [0] * sharding.num_shards)
    ]
    self._chains: dict[Client, _Chain] = {}
    starts = np.cumsum([0, *sharding.sizes])
    self._sketches = [
      tf.function(functools.partial(sketch.part, start=int(start)), autograph=False)
      for start in starts[:-1]
    ]
    self._thread = futures.ThreadPoolExecutor(1)
    self._turns = 0
    self.seconds = 0.0

  # The schedule.

  def hold(self, shard: int, version: int | None = None) -> int:
    """Keeps a version of a shard's parameters for one step; returns the version.

    Args:
      shard: Index of the shard.
      version: Version of the schedule; by default that after all pushes requested so far.
    """
    own = self._shards[shard]
    version = own.asked if version is None else version
    kept = own.kept.setdefault(version, _Kept(0))
    kept.needed += 1
    if version == own.made and kept.params is None:
      self._keep(shard, kept)
    return version

  def held(self, shard: int, version: int) -> np.ndarray:
    """Returns a kept and computed version of a shard's parameters, [P_s]."""
    params = self._shards[shard].kept[version].params
    if params is None:
      raise ValueError(f'version {version} of shard {shard} is not made')
    return params.numpy()

  def weights_at(self, version: int) -> Weights:
    """Returns the weights of a version that all shards have kept and computed."""
    kept = [shard.kept[version] for shard in self._shards]
    return Weights(
      self._sharding.join([one.params for one in kept]),
      self._statistics_layout.unflatten(kept[0].statistics),
    )

  def release(self, shard: int, version: int) -> None:
    """Undoes a `hold`: its step will not happen."""
    kept = self._shards[shard].kept
    kept[version].needed -= 1
    if not kept[version].needed:
      del kept[version]

  def add(self, step: Step, push: Push) -> None:
    """Adds a client's next step.

    Args:
      step: Step to add; its parameters have been held, one `hold` per shard.
      push: Push that carries the step, which is added to it.
    """
    push.steps.append(step)
    chain = self._chains.setdefault(push.client, _Chain(collections.deque()))
    chain.steps.append((step, push))

  def close(self, push: Push) -> None:
    """Declares that a push has all its steps."""
    push.closed = True
    chain = self._chains[push.client]
    if not chain.steps:  # They are computed.
      self._complete(chain, push)

  def apply(self, push: Push, shard: int) -> None:
    """Queues a push as the next that a shard applies."""
    own = self._shards[shard]
    own.queue.append(push)
    own.asked += 1
    self._turns += 1
    push.turn = min(push.turn, self._turns)

  def lose(self, client: Client) -> None:
    """Drops the pending steps of a client that died; pushes that have arrived stay."""
    chain = self._chains.pop(client, None)
    if chain is None:
      return
    stay = collections.deque(item for item in chain.steps if item[1].arrived)
    for step, push in chain.steps:
      if not push.arrived:
        self._release_all(step.held)
    if stay:
      self._chains[client] = dataclasses.replace(chain, steps=stay, dead=True)

  def refuse(self, push: Push) -> None:
    """Declares that a shard will never apply a push that has arrived."""
    push.refused += 1
    chain = self._chains.get(push.client)
    if push.refused < len(self._shards) or chain is None:
      return
    for step, own in chain.steps:
      if own is push:
        self._release_all(step.held)
    chain.steps = collections.deque(item for item in chain.steps if item[1] is not push)
    self._forget_if_done(push.client, chain)

  def _release_all(self, held: tuple[int, ...] | None) -> None:
    for shard, version in enumerate(held or ()):
      self.release(shard, version)

  def _forget_if_done(self, client: Client, chain: _Chain) -> None:
    if chain.dead and not chain.steps:
      del self._chains[client]

  # The numbers.

  def advance(self, max_pending: int = 0) -> None:
    """Performs the requested updates, and computes the gradients that they need.

    Updates run in a thread while the next gradients are computed, at parameters that were
    known before: the order of computation depends on no clock.

    Args:
      max_pending: Updates that may stay queued, so that the last few steps are still
        batched.

    Raises:
      StuckError: If they cannot be performed.
    """
    while sum(len(shard.queue) for shard in self._shards) > max_pending:
      runs = [self._known(shard) for shard in self._shards]
      making = self._thread.submit(self._make, runs) if any(runs) else None
      ready = [chain for chain in self._chains.values() if self._is_ready(chain)]
      if len(ready) >= (_COMPANY if making else 1):
        self._compute(_full_calls(ready))
      elif not making:
        raise StuckError(self._describe())
      if making:
        with self._timed():
          made = making.result()
        self._note(made)

  def compute_all(self) -> None:
    """Computes all steps that can be, whether an update needs them or not."""
    while ready := [chain for chain in self._chains.values() if self._is_ready(chain)]:
      self._compute(ready)

  def outstanding(self, pushes: Sequence[Push]) -> Iterator[tuple[Push, list[Any]]]:
    """Yields each push that no shard has applied, with its sum, a tensor per variable."""
    for push in pushes:
      if push.closed and not push.finite:
        continue  # Not finite: it changes nothing.
      own = push.sum
      if not push.closed and push.client in self._chains:
        own = self._chains[push.client].sum
      if own is not None and not push.versions:
        yield push, self._sharding.join(own.slices)

  @property
  def versions(self) -> np.ndarray:
    """Versions of the shards, [shards] int64, as real ones count them."""
    return np.array([shard.version for shard in self._shards], np.int64)

  @property
  def weights(self) -> Weights:
    """The server's parameters and statistics."""
    return Weights(
      self._sharding.join([shard.params for shard in self._shards]),
      self._statistics_layout.unflatten(self._statistics),
    )

  @property
  def slots(self) -> list[np.ndarray]:
    """Slots of the rule, each [P]."""
    return [np.concatenate(parts) for parts in zip(*(s.slots for s in self._shards))]

  @property
  def released(self) -> bool:
    """Whether a push has come after the warm start."""
    return any(shard.released for shard in self._shards)

  def _keep(self, shard: int, kept: _Kept) -> None:
    own = self._shards[shard]
    kept.params, kept.version = own.params, own.version
    kept.statistics = None if shard else self._statistics

  def _is_ready(self, chain: _Chain) -> bool:
    if not chain.steps:
      return False
    held = chain.steps[0][0].held
    if held is None:
      return chain.held is not None
    return all(version <= own.made for version, own in zip(held, self._shards))

  def _fetched(self, held: tuple[int, ...]) -> tuple[Held, tuple[int, ...]]:
    kept = [own.kept[version] for version, own in zip(held, self._shards)]
    self._release_all(held)
    fetched = Held([k.params for k in kept], kept[0].statistics)
    return fetched, tuple(k.version for k in kept)

  def _compute(self, ready: list[_Chain]) -> None:
    """Computes the next step of each of these clients."""
    work = []
    for chain in ready:
      step, push = chain.steps.popleft()
      if step.held is not None:
        chain.held, chain.held_versions = self._fetched(step.held)
      step.held_versions = chain.held_versions
      if chain.held is None:
        raise ValueError(f'step {step.step} of replica {step.replica} is not ready')
      work.append((chain, chain.held, step, push))
    with self._timed():
      results = self._gradients.compute(
        [(held, chain.sum, step.replica, step.step) for chain, held, step, _ in work]
      )
    for (chain, held, step, push), result in zip(work, results):
      step.loss, step.accuracy = result.loss, result.accuracy
      chain.used, chain.held, chain.sum = held, result.held, result.sum
      if push.closed and step is push.steps[-1]:
        self._complete(chain, push)

  @contextlib.contextmanager
  def _timed(self) -> Iterator[None]:
    began = time.monotonic()
    yield
    self.seconds += time.monotonic() - began

  def _complete(self, chain: _Chain, push: Push) -> None:
    push.sum, chain.sum = chain.sum, None
    held = np.array([step.held_versions for step in push.steps], np.int64)
    (push.oldest_versions,) = downpour.oldest_versions(held)
    push.finite = push.computed.finite
    if push.sampled:
      push.used = chain.used
    chain.used = None
    self._forget_if_done(push.client, chain)

  def _known(self, shard: _Shard) -> list[Push]:
    """Takes from a shard's queue the pushes whose gradients are known."""
    known: list[Push] = []
    while shard.queue and shard.queue[0].sum is not None:
      known.append(shard.queue.popleft())
    return known

  def _make(self, runs: list[list[Push]]) -> list[_Made]:
    """Performs updates of each shard; runs in the thread.

    Of the state that computing gradients changes it only reads `kept`, for versions that
    cannot have been released yet.
    """
    made: list[_Made] = []
    for index, run in enumerate(runs):
      version = self._shards[index].made  # The schedule's; unchanged until all is noted.
      while run:
        first = self._together(index, run)
        made += self._apply(index, first, version)
        run, version = run[len(first) :], version + len(first)
    return made

  def _together(self, index: int, run: list[Push]) -> list[Push]:
    """Returns the first pushes of a run that can be applied in one call."""
    shard = self._shards[index]
    if not run[0].finite:
      return run[:1]
    if not (shard.released or run[0].warm):
      shard.released = True
      if self._updates.rule.reset_slots:
        shard.slots = tf.nest.map_structure(tf.zeros_like, shard.slots)
    fit = 0
    for push in run:
      if not push.finite or not (push.warm or shard.released):
        break
      fit += 1
    return run[: next(length for length in LENGTHS if length <= fit)]

  def _apply(self, index: int, run: list[Push], version: int) -> Iterator[_Made]:
    shard = self._shards[index]
    staleness: np.ndarray | list[None]
    if run[0].finite:
      staleness = self._staleness(index, run)
      after, shard.slots = self._updated(index, run, staleness)
    else:  # Not finite: no change, and no new version.
      staleness, after = [None], [shard.params]
    changes = zip(run, after, staleness)
    for number, (push, params, stale) in enumerate(changes, version + 1):
      if push.finite:
        shard.params = params
        shard.version += 1
        if index == 0 and self._statistics_layout.size:
          self._statistics = push.computed.change.apply([self._statistics])[0]
      if push.used is not None:
        self._add_sketches(index, push, push.used)
      needed = number in shard.kept  # The others are freed after the call.
      yield _Made(
        index,
        push,
        shard.version,
        None if stale is None else int(stale),
        params if needed else None,
        self._statistics if needed and not index else None,
      )

  def _add_sketches(self, index: int, push: Push, used: Held) -> None:
    """Adds a shard's part to the sketches of the replica, the server and the push."""
    shard = self._shards[index]
    vectors = (used.slices[index], shard.params, push.computed.slices[index])
    parts = [self._sketches[index](vector) for vector in vectors]
    push.sketches = [a + b for a, b in zip(push.sketches, parts)] or parts

  def _staleness(self, index: int, run: list[Push]) -> np.ndarray:
    """Returns the staleness of the pushes that a shard applies next, [pushes] int64."""
    versions = self._shards[index].version + 1 + np.arange(len(run), dtype=np.int64)
    oldest = np.array([push.oldest_versions[index] for push in run], np.int64)
    return downpour.staleness(versions, oldest)

  def _updated(
    self, index: int, run: list[Push], staleness: np.ndarray
  ) -> tuple[list[tf.Tensor], tuple[tf.Tensor, ...]]:
    shard = self._shards[index]
    return self._updates.make(
      shard.params,
      shard.slots,
      [push.computed.slices[index] for push in run],
      staleness,
      np.array([push.warm for push in run]),
      {'index': np.array([push.client[0] for push in run], np.int64)},
      index,
    )

  def _note(self, made: list[_Made]) -> None:
    """Makes the new versions available to steps."""
    for update in made:
      shard = self._shards[update.shard]
      push = update.push
      push.versions[update.shard] = update.version
      if update.staleness is not None:
        push.staleness[update.shard] = update.staleness
      if len(push.versions) == len(self._shards):
        push.sum = push.used = None
      shard.made += 1
      if kept := shard.kept.get(shard.made):
        kept.version, kept.params = update.version, update.params
        kept.statistics = update.statistics

  def _describe(self) -> str:
    for index, shard in enumerate(self._shards):
      if shard.queue:
        push = shard.queue[0]
        replica, incarnation = push.client
        return (
          f'shard {index} waits for push {push.sequence} of replica {replica} '
          f'(incarnation {incarnation}), whose steps cannot be computed'
        )
    return 'nothing waits'
