"""Samples a replica's position: the sketches of telemetry/swarm.py, on its worker.

A sample is taken at the end of a window: of the replica's parameters, of the server's at
that time, and of the last pushed gradient. A gradient is dropped once it is pushed, so
the client calls `on_push` before; all else happens between windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from distbelief.cluster import delays
from distbelief.cluster.downpour.parameter_server import ParameterServer, Parcel
from distbelief.telemetry import swarm
from distbelief.telemetry.swarm import DIMENSION


class Sampling(NamedTuple):
  """The sampling state of a replica between two steps."""

  sampled_at: tf.Tensor  # float64, start time of the last window that took a sample.
  sample_window: tf.Tensor  # bool, whether this window takes one.
  sample_next_push: tf.Tensor  # bool, for the last push of that window, or the next one.
  pushed_sketch: tf.Tensor  # [DIMENSION] float32, of the last push that was sampled.


class Samples(NamedTuple):
  """No sample, or one."""

  marks: tf.Tensor  # [., MARKS] float64.
  sketches: tf.Tensor  # [., SKETCHES, DIMENSION] float32.

  @classmethod
  def none(cls) -> Samples:
    """Returns no sample."""
    return cls(
      tf.zeros([0, len(swarm.MARKS)], tf.float64),
      tf.zeros([0, len(swarm.SKETCHES), DIMENSION]),
    )


class Sampler:
  """Takes samples, if enabled; each method is called at the event of its name."""

  def __init__(self, server: ParameterServer, seconds: float, n_push: int) -> None:
    """Stores the parameters of sampling.

    Args:
      server: The parameter server.
      seconds: Least time between two samples; 0: no samples.
      n_push: Number of steps between two pushes.
    """
    self._server, self._seconds, self._n_push = server, seconds, n_push

  def initial(self) -> Sampling:
    """Returns the initial sampling state of a replica."""
    return Sampling(
      sampled_at=tf.constant(0, tf.float64),
      sample_window=tf.constant(False),
      sample_next_push=tf.constant(False),
      pushed_sketch=tf.zeros([DIMENSION]),
    )

  def begin_window(self, sampling: Sampling) -> Sampling:
    """Decides whether the window takes a sample."""
    if not self._seconds:
      return sampling
    now = tf.timestamp()
    due = now - sampling.sampled_at >= self._seconds
    return sampling._replace(
      sampled_at=tf.where(due, now, sampling.sampled_at), sample_window=due
    )

  def begin_step(self, sampling: Sampling, steps_left: tf.Tensor) -> Sampling:
    """Decides whether the next push is sketched.

    Args:
      sampling: Sampling state.
      steps_left: Number of steps of the window that are still to do, with this one.
    """
    if not self._seconds:
      return sampling
    # The next push is now the last one of the window, if it has one more; else it is the
    # next window's first.
    last = steps_left <= self._n_push
    return sampling._replace(
      sample_next_push=sampling.sample_next_push | (sampling.sample_window & last)
    )

  def on_push(self, sampling: Sampling, parcel: Parcel) -> Sampling:
    """Sketches the pushed gradient, if a sample is due."""
    sketch = tf.identity(sampling.pushed_sketch)
    if self._seconds:
      sketch = tf.cond(
        sampling.sample_next_push,
        lambda: self._server.sketch_of(parcel),
        lambda: sketch,
      )
    return sampling._replace(sample_next_push=tf.constant(False), pushed_sketch=sketch)

  def end_window(
    self,
    sampling: Sampling,
    params: list[tf.Tensor],
    place: Sequence[tf.Tensor],
    is_new: tf.Tensor,
    ready_at: tf.Tensor,
  ) -> tuple[Sampling, Samples]:
    """Takes the window's sample.

    Args:
      sampling: Sampling state.
      params: Parameters of the replica.
      place: Replica, incarnation and next step, int64 each.
      is_new: Whether the replica has done no step yet, bool: then there is no sample.
      ready_at: Time at which the last step ended, float64.
    """
    if not self._seconds:
      return sampling, Samples.none()
    now = delays.now([ready_at, *params])

    def sample() -> Samples:
      replica, incarnation, step = place
      values = {
        'time': now,
        'replica': replica,
        'incarnation': incarnation,
        'step': step,
      }
      sketches = {
        'parameters': self._server.sketch.of(params),
        'server': self._server.sketched(now),
        'gradient': sampling.pushed_sketch,
      }
      marks = tf.stack([tf.cast(values[name], now.dtype) for name in swarm.MARKS])
      found = tf.stack([sketches[name] for name in swarm.SKETCHES])
      return Samples(marks[tf.newaxis], found[tf.newaxis])

    due = sampling.sample_window & tf.logical_not(is_new)
    samples = tf.cond(due, sample, Samples.none)
    return sampling._replace(sample_window=tf.constant(False)), samples
