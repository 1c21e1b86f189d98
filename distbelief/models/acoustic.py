"""The paper's acoustic model: fully connected, sigmoid hidden layers (Section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import ml_collections

from distbelief.models import losses

NAME = 'acoustic'
ORIGIN = "the paper's, Section 5"

# Glorot and Bengio (2010) scale their uniform initialiser by 4 for the sigmoid, whose
# slope at 0 is 1/4; without it four sigmoid layers sit on a plateau for a long time.
# The paper does not give its initialisation.
_SIGMOID_GAIN = 4.0


def create(
  model: ml_collections.ConfigDict, spec: Any, num_classes: int, seed: int
) -> keras.Model:
  """Returns the network of config.model (distbelief.models)."""
  shape = tuple(spec[0].shape[1:])
  return acoustic_dnn(shape, model.hidden_units, num_classes, seed)


def acoustic_dnn(
  input_shape: Sequence[int], hidden_units: Sequence[int], num_classes: int, seed: int
) -> keras.Model:
  """Returns the network inputs - hidden_units - num_classes, giving logits.

  At the paper's size, 440-2560x4-8192, it has 41,777,152 parameters ("approximately
  42 million"). No hidden units make it softmax regression.

  Args:
    input_shape: Shape of an input: (440,) in the paper, 11 frames of 40 log-energies.
      Anything that is not a vector, e.g. an image, is flattened.
    hidden_units: Width of each hidden layer.
    num_classes: Number of acoustic states.
    seed: Seed of the initial weights; equal seeds give equal weights.
  """
  layers = [keras.Input(input_shape, name='frames')]
  if len(input_shape) != 1:
    layers.append(keras.layers.Flatten())
  for index, units in enumerate(hidden_units):
    initializer = keras.initializers.VarianceScaling(
      scale=_SIGMOID_GAIN**2, mode='fan_avg', distribution='uniform', seed=seed + index
    )
    layers.append(
      keras.layers.Dense(
        units, 'sigmoid', kernel_initializer=initializer, name=f'hidden_{index + 1}'
      )
    )
  output = keras.initializers.GlorotUniform(seed=seed + len(hidden_units))
  layers.append(keras.layers.Dense(num_classes, kernel_initializer=output, name='logits'))
  return keras.Sequential(layers, name='acoustic')


def loss() -> keras.losses.Loss:
  """Returns the paper's loss: cross-entropy of a softmax over the acoustic states."""
  return losses.of_name('softmax')
