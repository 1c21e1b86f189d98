"""Finds out before a run what can be done with the model that it will leave."""

from __future__ import annotations

import os
import tempfile

import keras
import ml_collections

from distbelief import errors, user_code
from distbelief.models.objective import WEIGHTS, Objective


def warning(config: ml_collections.ConfigDict, objective: Objective) -> str:
  """Returns what the user must know of the file; empty if plain Keras loads it.

  Args:
    config: Config of the run.
    objective: Objective of the run, whose initial weights are saved for a moment.
  """
  name = config.model.name
  with tempfile.TemporaryDirectory() as folder:
    exported = objective.export(*objective.weights, folder)
    if exported.name == WEIGHTS:
      return (
        f'warning: Keras cannot save the model of {name} ({exported.why}): the run will '
        f'leave {WEIGHTS}, for load_weights of a model that the function makes'
      )
    try:
      keras.models.load_model(os.path.join(folder, exported.name))
    except Exception as error:  # Keras has many kinds.
      how = (
        f'evaluate by --config.model.name={name}, or call load_weights of a model that '
        'it makes'
        if user_code.is_user_function(name)
        else 'call load_weights of a model that you make alike'
      )
      return (
        f'warning: the {exported.name} that the run will leave does not load by itself '
        f'({errors.one_line(error)}): {how}'
      )
  return ''
