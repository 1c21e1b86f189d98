"""What is minimised: a Keras model's loss on a minibatch, as a function of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import keras
import tensorflow as tf


class Gradient(NamedTuple):
  """One minibatch's loss (mean over its examples), accuracy and gradient."""

  loss: tf.Tensor
  accuracy: tf.Tensor
  gradient: list[tf.Tensor]


class Objective:
  """Classification by softmax: the mean cross-entropy of a model that gives logits.

  The model's own variables are never trained; parameters come in as arguments, because
  a replica's live on its worker and the server's on its shards (Keras' `fit` cannot
  train under a parameter server).
  """

  def __init__(self, model: keras.Model) -> None:
    """Wraps a built model without state beside its trainable variables."""
    self.model = model
    self.initial = [
      tf.constant(variable.numpy()) for variable in model.trainable_variables
    ]

  @property
  def shapes(self) -> list[tuple[int, ...]]:
    """Shape of each parameter tensor, in the model's order."""
    return [tuple(tensor.shape) for tensor in self.initial]

  def logits(self, params: list[tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    """Returns [B, classes] float32 for inputs [B, ...]."""
    outputs, _ = self.model.stateless_call(params, [], inputs, training=False)
    return outputs

  def gradient(
    self, params: list[tf.Tensor], inputs: tf.Tensor, labels: tf.Tensor
  ) -> Gradient:
    """Returns loss, accuracy and the mean gradient over a minibatch.

    Args:
      params: One tensor per trainable variable.
      inputs: [B, ...] float32.
      labels: [B] int32.
    """
    with tf.GradientTape() as tape:
      tape.watch(params)
      logits = self.logits(params, inputs)
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      loss = tf.reduce_mean(losses)
    gradient = [tf.convert_to_tensor(g) for g in tape.gradient(loss, params)]
    return Gradient(loss, _accuracy(logits, labels), gradient)

  @tf.function(autograph=False)
  def _sums(
    self, params: list[tf.Tensor], inputs: tf.Tensor, labels: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    logits = self.logits(params, inputs)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    count = tf.cast(tf.shape(labels)[0], tf.float32)
    return tf.reduce_sum(losses), count * _accuracy(logits, labels)

  def evaluate(
    self, params: list[tf.Tensor], minibatches: Iterable[tuple[tf.Tensor, tf.Tensor]]
  ) -> tuple[float, float]:
    """Returns (loss, accuracy) over all examples of `minibatches`."""
    loss, correct, examples = 0.0, 0.0, 0
    for inputs, labels in minibatches:
      sums = self._sums(params, inputs, labels)
      loss, correct = loss + float(sums[0]), correct + float(sums[1])
      examples += int(labels.shape[0])
    return loss / examples, correct / examples

  def export(self, params: list[tf.Tensor], path: str) -> None:
    """Writes the model with these parameters as a .keras file."""
    for variable, value in zip(self.model.trainable_variables, params):
      variable.assign(value)
    self.model.save(path)


def _accuracy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
  hits = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
  return tf.reduce_mean(tf.cast(hits, tf.float32))
