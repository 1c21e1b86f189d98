"""The times of a simulated replica's steps, and its deaths."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterator

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import errors
from distbelief.sampling import step_times

# Steps of a replica whose times are drawn at once: the more replicas there are, the fewer
# does each of them do.
_BLOCK, _DRAWN = (8, 64), 4096
_SHORTEST_LIFE = 0.2  # In steps; with shorter lives hardly a step would end.
_SLOW, _LIFE = 1, 2  # Names of streams of random numbers.


class Machines:
  """The replicas' machines; a function of config.seed."""

  def __init__(
    self, config: ml_collections.ConfigDict, compute: float, travel: float = 0.0
  ) -> None:
    """Checks the lives; draws nothing yet.

    Args:
      config: Config of the run.
      compute: Seconds that a step computes. Padding hides it, as in a real step; without
        padding it varies.
      travel: Seconds of fetching and pushing that a replica must also survive.

    Raises:
      errors.ConfigError: If hardly a replica survives a step.
    """
    self._options, self._seed = config.simulation, config.seed
    _refuse_short_lives(config, compute, travel)
    self._padded = config.cluster.step_seconds > 0
    self._compute = compute
    cluster = config.cluster
    num_replicas = config_lib.num_replicas(config)
    self._block = int(np.clip(_DRAWN // num_replicas, *_BLOCK))
    self._draw = _drawing(
      cluster.step_seconds if self._padded else compute,
      cluster.step_distribution,
      cluster.step_deviation,
      tuple(cluster.slowdown),
      self._block,
    )
    self._times: dict[int, tuple[int, list[float]]] = {}  # By replica: a block of steps.
    # By replica: times at which it becomes slow, fast again, and so on, as far as drawn.
    self._changes: dict[int, tuple[list[float], np.random.Generator]] = {}

  def step_seconds(self, replica: int, step: int, now: float) -> float:
    """Returns the duration of a replica's step that begins now."""
    first, times = self._times.get(replica, (-self._block, []))
    if not first <= step < first + self._block:
      first = step - step % self._block
      drawn = self._draw(
        *(tf.constant(n, tf.int64) for n in (self._seed, replica, first))
      )
      times = drawn.numpy().tolist()
      self._times[replica] = first, times
    seconds = times[step - first]
    if self._padded:
      seconds = max(seconds, self._compute)
    if self._options.straggler_every_seconds:
      seconds *= self._factor(replica, now)
    return seconds

  def _factor(self, replica: int, now: float) -> float:
    """Returns the current slowdown of a machine that is slow from time to time."""
    options = self._options
    if replica not in self._changes:
      random = np.random.default_rng([self._seed, _SLOW, replica])
      self._changes[replica] = [0.0], random
    changes, random = self._changes[replica]
    means = options.straggler_every_seconds, options.straggler_seconds
    while changes[-1] <= now:
      changes.append(changes[-1] + random.exponential(means[1 - len(changes) % 2]))
    is_slow = bisect.bisect_right(changes, now) % 2 == 0
    return options.straggler_factor if is_slow else 1.0

  def lives(self, replica: int) -> Iterator[float]:
    """Yields the duration of each life of a replica, in seconds; none: unlimited."""
    mean = self._options.life_seconds
    random = np.random.default_rng([self._seed, _LIFE, replica])
    while mean is not None:
      yield random.exponential(mean)


@functools.lru_cache(maxsize=16)
def _drawing(
  step_seconds: float,
  distribution: str,
  deviation: float,
  slowdown: tuple[float, ...],
  block: int,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns a function that draws a block of times; traced once per process.

  It takes the seed, the replica and the first step, all int64 scalars.
  """
  cluster = ml_collections.ConfigDict(
    {
      'step_seconds': step_seconds,
      'step_distribution': distribution,
      'step_deviation': deviation,
      'slowdown': slowdown,
    }
  )

  @tf.function(autograph=False)
  def draw(seed: tf.Tensor, replica: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(
      lambda step: step_times.sample_seconds(cluster, seed, replica, step),
      first + tf.range(block, dtype=tf.int64),
      fn_output_signature=tf.float64,
    )

  return draw


def _refuse_short_lives(
  config: ml_collections.ConfigDict, compute: float, travel: float
) -> None:
  slowest = max(config.cluster.slowdown, default=1.0)
  step = config.cluster.step_seconds * slowest
  step = (max(step, compute) if step else compute * slowest) + travel
  life = config.simulation.life_seconds
  if life is not None and life < _SHORTEST_LIFE * step:
    raise errors.ConfigError(
      'config.simulation.life_seconds',
      life,
      f'is too short for steps of {step:.3g} seconds, fetch and push among them: no '
      'replica would end one; make lives longer, or steps shorter',
    )
