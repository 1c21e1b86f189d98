"""A replica's notes on its steps, until a push carries them along as rows of a log.

At every step only the step's own values are noted; the identity of the push, and all that
follows from it, is added when the push is packed, for all its steps at once. So recording
costs little where a push carries many steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from distbelief.telemetry import steps

_NOTED = tuple(name for name in steps.COLUMNS if name not in steps.OF_PUSH)


class StepRowBuffer:
  """Writes and reads the notes, [n_push, width] float64, in a replica's state."""

  def __init__(self, n_push: int, num_shards: int, recording: bool) -> None:
    """Computes the shape of the notes.

    Args:
      n_push: Largest number of steps between two pushes.
      num_shards: Number of shards whose versions are noted.
      recording: Whether steps are recorded, config.telemetry.records; else notes and rows
        have no columns.
    """
    self._n_push, self._recording = n_push, recording
    self._width = len(_NOTED) + num_shards if recording else 0
    # Index of each column of a row among those of its push and those noted.
    held = range(num_shards)
    made = [*steps.OF_PUSH, *_NOTED, *held]
    columns = {name: place for place, name in enumerate(made)}
    wanted = steps.row(
      {name: columns[name] for name in steps.COLUMNS}, [columns[s] for s in held]
    )
    self._places = None if wanted == list(range(len(made))) else wanted

  def none(self) -> tf.Tensor:
    """Returns notes of no step."""
    return tf.zeros([self._n_push, self._width], tf.float64)

  def add(
    self,
    notes: tf.Tensor,
    count: tf.Tensor,
    values: Mapping[str, tf.Tensor],
    held: tf.Tensor,
  ) -> tf.Tensor:
    """Returns the notes with those of one more step.

    Args:
      notes: Notes on `count` steps.
      count: Number of steps noted, int64.
      values: Values of the step, by column.
      held: Versions of the parameters that the step used, [shards] int64.
    """
    if not self._recording:
      return notes
    noted = [tf.cast(values[name], tf.float64) for name in _NOTED]
    row = tf.concat([tf.stack(noted), tf.cast(held, tf.float64)], axis=0)
    return tf.tensor_scatter_nd_update(notes, [[count]], [row])

  def rows(
    self,
    notes: tf.Tensor,
    count: tf.Tensor,
    replica: tf.Tensor,
    incarnation: tf.Tensor,
    sequence: tf.Tensor,
    next_step: tf.Tensor,
    pushed: bool,
  ) -> tf.Tensor:
    """Returns the rows of the steps noted, [count, row] (telemetry/steps.py).

    Args:
      notes: Notes on `count` steps.
      count: Number of steps noted, int64.
      replica: Index of the replica, int64.
      incarnation: Incarnation of the replica, int64.
      sequence: Number of the push that carries them, int64.
      next_step: Step of the replica after the last of them, int64.
      pushed: Whether they are pushed now; else they are still pending.
    """
    noted = notes[:count]
    if not self._recording:
      return noted
    index = tf.range(count)
    last = tf.cast(tf.equal(index, count - 1) & pushed, tf.int64)
    step = next_step - count + index
    same = tf.zeros_like(index)
    of_push = {
      'replica': same + replica,
      'incarnation': same + incarnation,
      'step': step,
      'batch': step,
      'sequence': same + sequence,
      'pushed': last,
      'gradients': last * count,
    }
    columns = [of_push[name] for name in steps.OF_PUSH]
    made = tf.concat([tf.cast(tf.stack(columns, axis=1), tf.float64), noted], axis=1)
    return made if self._places is None else tf.gather(made, self._places, axis=1)
