"""Small models for tests."""

import keras

from distbelief.models import acoustic


def compiled(model, metrics=()):
  """A model that gives logits of classes, compiled as a config would."""
  model.compile(
    optimizer='sgd',
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy', *metrics],
    jit_compile=False,
  )
  return model


def classifier(input_shape, hidden_units, num_classes, seed):
  """The acoustic network, compiled."""
  return compiled(acoustic.acoustic_dnn(input_shape, hidden_units, num_classes, seed))
