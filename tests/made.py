"""Small models for tests."""

import keras

from distbelief.models import acoustic


def classifier(input_shape, hidden_units, num_classes, seed):
  """The acoustic network, compiled as a config would."""
  model = acoustic.acoustic_dnn(input_shape, hidden_units, num_classes, seed)
  model.compile(
    optimizer='sgd',
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy'],
    jit_compile=False,
  )
  return model
