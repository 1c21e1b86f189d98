"""State and functions that live on a task, and are called by name from any other.

A remote function is one request with its arguments and one answer, and runs to its end on
its task whatever happens to the caller. Operations placed there from within a worker's
graph would not: they belong to the worker's step, which a dying worker aborts between any
two of them; and every such edge costs a message per iteration of the worker's loop, taken
or not (0.7 ms per step for a fetch that is never due; here nothing).

Resources are named, not held by a handle, since a handle of TensorFlow's eager variables
is valid only in the process that created it. A name is local to its task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class RemoteVariable:
  """A variable by name; its operations belong in functions that run on its task."""

  def __init__(self, name: str, shape: Sequence[int], dtype: tf.DType) -> None:
    """Describes the variable; the first `assign` creates it."""
    self._name, self._shape, self._dtype = name, tuple(shape), dtype

  def _handle(self) -> tf.Tensor:
    return tf.raw_ops.VarHandleOp(
      dtype=self._dtype, shape=self._shape, shared_name=self._name, container=''
    )

  def read(self) -> tf.Tensor:
    """Returns the value; shares its memory, a later update copies first."""
    value = tf.raw_ops.ReadVariableOp(resource=self._handle(), dtype=self._dtype)
    return tf.ensure_shape(value, self._shape)

  def assign(self, value: tf.Tensor) -> tf.Operation:
    """Sets the value."""
    return tf.raw_ops.AssignVariableOp(resource=self._handle(), value=value)

  def assign_sub(self, value: tf.Tensor) -> tf.Operation:
    """Subtracts from the value, in one operation."""
    return tf.raw_ops.AssignSubVariableOp(resource=self._handle(), value=value)


class RemoteLog:
  """A queue of float64 rows by name: many writers, one reader."""

  def __init__(self, name: str, width: int) -> None:
    """Describes the log of rows [width]; it is not bounded."""
    self._name, self._width = name, width

  def _handle(self) -> tf.Tensor:
    return tf.raw_ops.FIFOQueueV2(
      component_types=[tf.float64],
      shapes=[[self._width]],
      capacity=-1,
      container='',
      shared_name=self._name,
    )

  def append(self, rows: tf.Tensor) -> tf.Operation:
    """Adds rows [., width]."""
    return tf.raw_ops.QueueEnqueueManyV2(handle=self._handle(), components=[rows])

  def take_all(self) -> tf.Tensor:
    """Returns the rows [., width], and empties the log."""
    size = tf.raw_ops.QueueSizeV2(handle=self._handle())
    (rows,) = tf.raw_ops.QueueDequeueManyV2(
      handle=self._handle(), n=size, component_types=[tf.float64]
    )
    return rows


class RemoteMutex:
  """A lock by name; released even if the function that holds it fails."""

  def __init__(self, name: str) -> None:
    """Describes the lock."""
    self._name = name

  def run(self, function: Callable[[], Any]) -> Any:
    """Returns function(), run while nobody else holds the lock.

    Args:
      function: Function that creates the operations to be protected; returns tensors.
    """
    mutex = tf.raw_ops.MutexV2(container='', shared_name=self._name)
    lock = tf.raw_ops.MutexLock(mutex=mutex)
    with tf.control_dependencies([lock]):
      results = function()
    with tf.control_dependencies(tf.nest.flatten(results)):
      release = tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with tf.control_dependencies([release]):
      return tf.nest.map_structure(tf.identity, results)


class RemoteFunction:
  """A graph function that any task can call on one task."""

  def __init__(
    self, device: str, function: Callable[..., Any], signature: Sequence[tf.TensorSpec]
  ) -> None:
    """Traces the function.

    Args:
      device: Device where it runs, e.g. '/job:ps/replica:0/task:1/device:CPU:0'.
      function: Function of tensors; its state must be remote, by name.
      signature: TensorSpecs of its arguments.
    """
    self._device = device
    self._graph = tf.function(
      function, input_signature=signature, autograph=False
    ).get_concrete_function()

  def __call__(self, *args: tf.Tensor) -> Any:
    """Calls it from here, in a graph or eagerly; the results are here."""
    specs = tf.nest.flatten(self._graph.structured_outputs)
    results = tf.raw_ops.RemoteCall(
      target=self._device,
      args=list(args) or [tf.constant(0)],
      Tout=[spec.dtype for spec in specs],
      f=self._graph,
    )
    shaped = [tf.ensure_shape(r, spec.shape) for r, spec in zip(results, specs)]
    return tf.nest.pack_sequence_as(self._graph.structured_outputs, shaped)
