"""Constraints on parameters: applied where an update is made, after every update.

Keras' optimizers do the same with the constraints of a model's variables. A shard holds a
slice of the flat parameters; a constraint of single elements is applied to whatever part
of a variable it holds, any other one needs the whole variable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from distbelief import errors
from distbelief.algorithms.sharding import Sharding

# From a shard's parameters [P_s] to those that are allowed.
Projection: TypeAlias = Callable[[tf.Tensor], tf.Tensor]


class Constraint(NamedTuple):
  """The constraint of one variable.

  Attributes:
    variable: Name of the variable, for messages.
    name: Name of the constraint's class, for messages.
    apply: Function from the variable's value to the one that is allowed.
    elementwise: Whether it looks at each element alone.
  """

  variable: str
  name: str
  apply: Callable[[tf.Tensor], tf.Tensor]
  elementwise: bool


class _Part(NamedTuple):
  """A range of a shard's slice that has a constraint."""

  start: int
  end: int
  shape: tuple[int, ...]  # In which the constraint sees it.
  apply: Callable[[tf.Tensor], tf.Tensor]


def by_shard(
  constraints: Sequence[Constraint | None], sharding: Sharding
) -> tuple[Projection | None, ...]:
  """Returns each shard's projection, None where it has nothing to do.

  Args:
    constraints: Constraint of each variable, in the model's order; None: it has none.
    sharding: Sharding of the variables.

  Raises:
    errors.ConfigError: If a variable is cut that its constraint needs whole.
  """
  parts: list[list[_Part]] = [[] for _ in sharding.sizes]
  for piece in sharding.pieces:
    constraint, shape = constraints[piece.variable], sharding.shapes[piece.variable]
    if constraint is None:
      continue
    if piece.size < tf.TensorShape(shape).num_elements():
      if not constraint.elementwise:
        raise errors.ConfigError(
          'config.cluster.num_parameter_servers',
          sharding.num_shards,
          f'cuts {constraint.variable}, which its constraint {constraint.name} needs '
          'whole: set it to 1, or leave the constraint out',
        )
      shape = (piece.size,)
    end = piece.offset + piece.size
    parts[piece.shard].append(_Part(piece.offset, end, shape, constraint.apply))
  return tuple(functools.partial(_project, own) if own else None for own in parts)


def each(
  constraints: Sequence[Constraint | None], params: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
  """Returns whole variables as their constraints allow them.

  Args:
    constraints: Constraint of each variable, or none at all.
    params: The variables.
  """
  if not constraints:
    return list(params)
  return [
    param if constraint is None else constraint.apply(param)
    for constraint, param in zip(constraints, params, strict=True)
  ]


def _project(parts: Sequence[_Part], params: tf.Tensor) -> tf.Tensor:
  done, end = [], 0
  for part in parts:
    own = tf.reshape(params[part.start : part.end], part.shape)
    done += [params[end : part.start], tf.reshape(part.apply(own), [-1])]
    end = part.end
  return tf.concat([*done, params[end:]], axis=0)
