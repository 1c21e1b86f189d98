"""Losses by the names that config.model.loss may have, for models that were not compiled.

Dimensions: B examples, C classes.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable('distbelief')
class OneVsAll(keras.losses.Loss):
  """A logistic regression for each class, against all others (Section 5's images).

  Minus the log-likelihood of C independent yes-or-no answers, summed over the classes.
  """

  def __init__(self, name: str = 'one_vs_all', **more: object) -> None:
    """Takes the arguments of keras.losses.Loss."""
    super().__init__(name=name, **more)

  def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns losses [B] for labels [B] (or [B, 1]) and logits [B, C]."""
    labels = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
    wanted = tf.one_hot(labels, tf.shape(y_pred)[-1], dtype=y_pred.dtype)
    return tf.reduce_sum(
      tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=y_pred), axis=-1
    )


def of_name(name: str) -> keras.losses.Loss | str:
  """Returns a loss for `compile`.

  Args:
    name: Name of the loss: softmax (cross-entropy of logits), logistic (one-vs-all, of
      logits), or one that Keras knows, e.g. mean_squared_error.

  Raises:
    ValueError: If Keras does not know it.
  """
  if name == 'softmax':
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  if name == 'logistic':
    return OneVsAll()
  keras.losses.get(name)
  return name


def has_classes(loss: object) -> bool:
  """Returns whether labels are indices of the model's outputs."""
  name = loss if isinstance(loss, str) else getattr(loss, 'name', '') or ''
  return 'sparse' in name.lower() or isinstance(loss, OneVsAll)
