"""Asynchrony acts as momentum (Mitliagkas et al. 2016), on a quadratic.

M replicas whose steps take exponential times push gradients whose staleness has a
geometric distribution. The mean over many runs then moves as if plain SGD had momentum
mu = 1 - 1 / M and the rate eta / M:

    E w[t+1] - E w[t] = mu (E w[t] - E w[t-1]) - eta / M * E gradient(w[t])
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.problem import factory
from distbelief.recompute.dataflow import Dataflow
from distbelief.recompute.gradients import Gradients
from distbelief.recompute.minibatches import Minibatches
from distbelief.recompute.updates import Updates
from distbelief.simulation.downpour import Cluster
from distbelief.simulation.events import EventQueue
from distbelief.simulation.machines import Machines
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import NO_CLIENT

REPLICAS = (1, 2, 4, 8, 16)
TOLERANCE, STANDARD_ERROR = 0.03, 0.01
RATE = 0.1  # Times the curvature, 2: a fifth of the way a step.
_GROUPS = 10  # Groups of runs, for the standard error.


def model() -> Any:
  """Returns the quadratic: a weight w, and the loss w^2."""
  import keras

  layer = keras.layers.Dense(1, use_bias=False, kernel_initializer='ones')
  network = keras.Sequential([keras.Input((1,)), layer])
  network.compile(loss='mse')
  return network


def examples(unused_split: str, unused_seed: int) -> tf.data.Dataset:
  """Returns inputs of 1 and labels of 0."""
  return tf.data.Dataset.from_tensor_slices(
    (np.ones([64, 1], np.float32), np.zeros([64]))
  )


class Fit(NamedTuple):
  """The fit to the mean trajectory of M replicas."""

  replicas: int
  runs: int
  momentum: float
  theory: float
  standard_error: float
  holds: bool


class Quadratic:
  """Runs of M replicas on the quadratic, each of another seed."""

  def __init__(self, num_replicas: int) -> None:
    """Creates the model and the data, once for all runs."""
    config = config_lib.default_config()
    config.model.name = f'{__name__}:model'
    config.data.name = f'{__name__}:examples'
    config.data.batch_size = 1
    config.cluster.num_replicas = num_replicas
    config.cluster.step_seconds = 1.0
    config.cluster.step_distribution = 'exponential'
    config.server.optimizer = 'sgd'
    config.server.learning_rate = RATE
    config.telemetry.swarm_seconds = 0.0
    self._config, self._num_replicas = config, num_replicas
    source = factory.make_source(config)
    self._objective = factory.make_objective(config, source)
    self._updates = Updates(ServerRule.from_config(config), num_replicas)
    self._gradients = Gradients(
      config,
      self._objective,
      Sharding(self._objective.shapes, 1),
      Minibatches(config, source, num_replicas),
    )

  def trajectory(self, seed: int, num_updates: int) -> np.ndarray:
    """Returns w after 0, 1, ..., num_updates updates."""
    config = self._config.copy_and_resolve_references()
    config.seed = seed
    events = EventQueue()
    flow = Dataflow(
      self._gradients,
      self._updates,
      self._objective.weights,
      sketch=Sketch(1, 0),
    )
    for version in range(num_updates + 1):
      flow.hold(0, version)
    cluster = Cluster(
      config,
      events,
      flow,
      Machines(config, 0.0),
      [4.0],
      np.tile(np.array(NO_CLIENT), [1, self._num_replicas, 1]),
      self._num_replicas,
    )
    cluster.open(num_updates + 100 * self._num_replicas, alone=False)
    while cluster.done < num_updates:
      events.next()
    flow.advance()
    return np.array([float(flow.held(0, v)[0]) for v in range(num_updates + 1)])


def momentum_of(mean: np.ndarray, num_replicas: int) -> float:
  """Returns the momentum whose trajectory is nearest to a mean trajectory.

  Both begin with the first update, of a fresh gradient at the whole rate; from then on
  the rate is eta / M.

  Args:
    mean: Mean trajectory, [updates + 1].
    num_replicas: Number of replicas, M.
  """
  momentum = np.arange(-0.2, 1.0, 1e-4)
  before, now = np.full_like(momentum, mean[0]), np.full_like(momentum, mean[1])
  off = np.zeros_like(momentum)
  for value in mean[2:]:
    moved = momentum * (now - before) - 2 * RATE / num_replicas * now
    before, now = now, now + moved
    off += (now - value) ** 2
  return float(momentum[np.argmin(off)])


def fit(num_replicas: int, num_runs: int) -> Fit:
  """Returns the momentum of so many runs, with its standard error over groups of them."""
  quadratic = Quadratic(num_replicas)
  num_updates = 12 * num_replicas + 12
  runs = np.stack([quadratic.trajectory(seed, num_updates) for seed in range(num_runs)])
  momentum = momentum_of(runs.mean(axis=0), num_replicas)
  # Jackknife: leaves out one group at a time.
  groups = np.array_split(np.arange(num_runs), _GROUPS)
  without = [
    momentum_of(np.delete(runs, group, axis=0).mean(axis=0), num_replicas)
    for group in groups
  ]
  error = np.sqrt((_GROUPS - 1) * np.var(without))
  theory = 1 - 1 / num_replicas
  holds = abs(momentum - theory) < TOLERANCE and error < STANDARD_ERROR
  return Fit(num_replicas, num_runs, momentum, theory, float(error), bool(holds))
