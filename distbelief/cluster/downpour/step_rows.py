"""What a replica notes of its steps, until a push takes it along as rows of a log.

At every step only what that step alone knows is noted; whose push it is, and all that
can be told from it, is added when the push is made up, for all its steps at once. So
recording costs little where a push carries many steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from distbelief.telemetry import steps

_NOTED = tuple(name for name in steps.COLUMNS if name not in steps.OF_PUSH)


class StepRowBuffer:
  """Makes and reads the notes, [n_push, width] float64, that a replica carries along."""

  def __init__(self, n_push: int, num_shards: int, recording: bool) -> None:
    """Takes the shape of the notes.

    Args:
      n_push: The most steps between two pushes.
      num_shards: Whose versions are noted.
      recording: config.telemetry.records; else notes and rows have no columns.
    """
    self._n_push, self._recording = n_push, recording
    self._width = len(_NOTED) + num_shards if recording else 0
    # Where each column of a row is among those of its push and those noted.
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
    """Returns the notes with a step's.

    Args:
      notes: Of `count` steps.
      count: int64.
      values: Of the step, by column.
      held: [shards] int64, versions of its parameters.
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
      notes: Of `count` steps.
      count: int64.
      replica: Whose they are, int64.
      incarnation: Its incarnation, int64.
      sequence: Of the push that carries them, int64.
      next_step: The replica's step after the last of them, int64.
      pushed: Whether the push is made; else they are still to go.
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
