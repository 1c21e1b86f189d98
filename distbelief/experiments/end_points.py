"""How flat the hold-out loss is around the ends of finished runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distbelief.analysis import flatness
from distbelief.analysis.run import Run
from distbelief.experiments.sweep import Point, Sweep

LENGTH = 0.25  # Of a step away, as a fraction of the length of each unit's weights.
_DIRECTIONS = 10
_EXAMPLES = 1024  # Hold-out examples over which the loss is computed.


def rises(
  sweep: Sweep, names: Sequence[str], seeds: Sequence[int]
) -> dict[str, list[float]]:
  """Returns how much higher the loss is around the end of each run.

  Args:
    sweep: Runs.
    names: Methods, each at its best rate.
    seeds: Seeds; the directions are the same for all methods.

  Returns:
    Mean rise in random directions, per seed, by method; infinite: the run diverged.
  """
  found: dict[str, list[float]] = {name: [] for name in names}
  for seed in seeds:
    runs = {n: sweep.run_of(Point(n, sweep.tuned[n].rate, seed)) for n in names}
    for name, rise in _of_one_seed(runs, seed).items():
      found[name].append(rise)
  return found


def _of_one_seed(runs: Mapping[str, Run], seed: int) -> dict[str, float]:
  """Returns the rise around the end of runs that have the same data."""
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  import tensorflow as tf

  from distbelief.data.held_out import HeldOut
  from distbelief.models import objective
  from distbelief.problem import factory

  source = factory.make_source(next(iter(runs.values())).config)
  source.prepare()
  minibatch = [HeldOut(source).first(_EXAMPLES)]

  def around(run: Run) -> float:
    config = run.config.copy_and_resolve_references()
    config.model.name = str(run.workdir / objective.WHOLE)
    trained = factory.make_objective(config, source)

    def loss(params: list[Any]) -> float:
      tensors = [tf.constant(p) for p in params]
      return trained.evaluate(tensors, trained.statistics, minibatch)['loss']

    params = [np.asarray(tensor) for tensor in trained.initial]
    found = flatness.rise(loss, params, LENGTH, _DIRECTIONS, seed)
    return found if np.isfinite(found) else np.inf

  return {name: around(run) for name, run in runs.items()}
