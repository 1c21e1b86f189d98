"""The mean staleness that theory gives an algorithm on equal machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections

# The fraction of its time for which a shard may be busy, or of a step for which transfers
# may last, before queues, which no formula here covers, show in the second digit.
_NEGLIGIBLE = 0.05


class Conditions(NamedTuple):
  """The machines and links that replicas run on; times in seconds."""

  num_replicas: int
  step_seconds: float  # Mean time that a step computes.
  equal_machines: bool = True
  latency_seconds: float = 0.0  # Delay before each fetch (reads nothing yet) and push.
  fetch_seconds: float = 0.0  # From the read of the parameters to their arrival.
  push_seconds: float = 0.0  # From the end of the latency until all shards have it.
  arrival_seconds: float = 0.0  # The same, until one shard has its part: the mean.
  link_seconds: float = 0.0  # Time that a fetch, or a push, occupies a shard's link.
  update_seconds: float = 0.0  # Time that an update holds a shard's lock.
  window_seconds: float = 0.0  # Pause between two windows of a replica's steps.


def unknown(
  unused_config: ml_collections.ConfigDict, unused_conditions: Conditions
) -> float | None:
  """Returns None: there is no theory."""
  return None


def zero(
  unused_config: ml_collections.ConfigDict, unused_conditions: Conditions
) -> float | None:
  """Returns 0: no replica updates parameters that another one computes with."""
  return 0.0


def downpour(config: ml_collections.ConfigDict, conditions: Conditions) -> float | None:
  """Returns Downpour's mean staleness, None if no theory covers the case.

  A blocking replica's push is as old as the time from the read of the oldest parameters
  in it to the end of its update; meanwhile the M - 1 others push once every n_push
  steps, and it may have pushed itself. With n_fetch = n_push = 1, steps of T, a latency
  L and transfers of X that is (M - 1)(T + L + 2X) / (T + 2L + 2X); M - 1 without
  latency, then whatever the machines' speeds and the queues at the shards. With overlap
  and n_fetch = n_push = 1 two steps pass: about 2M - 1.

  Args:
    config: Config of the run.
    conditions: Machines and links of the run.
  """
  options, c = config.downpour, conditions
  each = options.n_fetch == options.n_push == 1
  pause = c.window_seconds / options.window_steps
  transfers = c.fetch_seconds + c.push_seconds + c.update_seconds
  if options.overlap:
    if not each or not c.equal_machines or pause:
      return None
    if transfers > _NEGLIGIBLE * c.step_seconds:  # A fetch and a push share a link.
      return None
    # Transfers must fit into the step that they overlap.
    fits = c.latency_seconds + transfers < c.step_seconds
    return 2.0 * c.num_replicas - 1 if fits else None
  if c.num_replicas == 1 and each:
    return 0.0
  rests = c.latency_seconds or pause or c.arrival_seconds < c.push_seconds
  if each and not rests:  # Always between a read and the end of the push that follows.
    return c.num_replicas - 1.0
  if not c.equal_machines or (pause and not each):
    return None
  fetch = c.latency_seconds + c.fetch_seconds
  push = c.latency_seconds + c.push_seconds + c.update_seconds
  per_step = c.step_seconds + fetch / options.n_fetch + push / options.n_push + pause
  link = c.link_seconds * (1 / options.n_fetch + 1 / options.n_push)
  taken = max(link, c.update_seconds / options.n_push)
  if c.num_replicas > 1 and c.num_replicas * taken > _NEGLIGIBLE * per_step:
    return None  # Replicas queue at the shards.
  age, own = _mean_age(options.n_fetch, options.n_push, c.step_seconds, fetch, push)
  # Parameters are read before they travel; no shard waits for the others' parts.
  age += c.fetch_seconds - (c.push_seconds - c.arrival_seconds)
  return (c.num_replicas - 1) * age / (options.n_push * per_step) + own


def _mean_age(
  n_fetch: int, n_push: int, step: float, fetch: float, push: float
) -> tuple[float, float]:
  """Returns a blocking replica's mean age of pushes, and its mean own pushes since then.

  One cycle of the schedule, far from its start. Ages count from the end of a fetch.
  """
  period = math.lcm(n_fetch, n_push)
  ages, own = [], []
  for last in range(2 * period, 3 * period, n_push):
    oldest = (last - n_push + 1) // n_fetch * n_fetch  # Fetched before its first step.
    fetches = last // n_fetch - oldest // n_fetch  # After that one.
    pushes = sum(1 for k in range(oldest, last) if k % n_push == 0)
    ages.append((last - oldest + 1) * step + fetches * fetch + (pushes + 1) * push)
    own.append(pushes)
  return _mean(ages), _mean(own)


def _mean(values: Sequence[float]) -> float:
  return sum(values) / len(values)
