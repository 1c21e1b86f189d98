"""How flat the loss is around a point, by steps in random directions.

A step's length means something only relative to the weights: where an activation is
followed by another scale, larger weights stand for the same function. So a direction is
normalised as by Li et al. (2018, "Visualizing the Loss Landscape of Neural Nets"): each
unit's incoming weights move by a fraction of their own length, and biases stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Tensors = Sequence[np.ndarray]


def direction(params: Tensors, random: np.random.Generator) -> list[np.ndarray]:
  """Returns a random direction in which every unit moves by the length of its weights.

  Args:
    params: Parameters, a tensor per variable. The last axis of one with several axes is
      that of the units; one with a single axis is a bias, whose direction is 0.
    random: Generator of its elements.
  """
  found = []
  for tensor in params:
    drawn = random.standard_normal(tensor.shape).astype(tensor.dtype)
    if tensor.ndim < 2:
      found.append(np.zeros_like(tensor))
    else:
      found.append(drawn * (_lengths(tensor) / _lengths(drawn)))
  return found


def _lengths(tensor: np.ndarray) -> np.ndarray:
  """Returns the length of each unit's weights, [1, ..., units]."""
  axes = tuple(range(tensor.ndim - 1))
  return np.sqrt(np.square(tensor).sum(axis=axes, keepdims=True))


def rise(
  loss: Callable[[list[np.ndarray]], float],
  params: Tensors,
  length: float,
  num_directions: int,
  seed: int = 0,
) -> float:
  """Returns how much higher the loss is, on average, a step away from a point.

  A direction is walked both ways, so that a slope at the point cancels out.

  Args:
    loss: Function of parameters.
    params: Parameters at the point.
    length: Length of a step, as a fraction of the length of each unit's weights.
    num_directions: Number of random directions.
    seed: Seed of the directions: the same for points that are compared.
  """
  random = np.random.default_rng(seed)
  around = []
  for _ in range(num_directions):
    step = direction(params, random)
    for signed in (length, -length):
      around.append(loss([p + signed * s for p, s in zip(params, step)]))
  return float(np.mean(around)) - loss(list(params))
