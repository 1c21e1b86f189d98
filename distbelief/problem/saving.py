"""Finds out before a run what can be done with the model that it will leave."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile

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
    try:
      exported = objective.export(*objective.weights, folder)
    except Exception as error:  # Of the disk, or of Keras: it need not be so at the end.
      return f'warning: the model cannot be saved for a trial: {errors.one_line(error)}'
    if exported.name == WEIGHTS:
      return (
        f'warning: Keras cannot save the model of {name} ({exported.why}): the run will '
        f'leave {WEIGHTS}, for load_weights of a model that the function makes'
      )
    path = os.path.join(folder, exported.name)
    try:
      keras.models.load_model(path)
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
    own = ', '.join(sorted(_own_classes(path)))
  if own:
    return f'note: to load {exported.name}, import the file that registers {own} before'
  return ''


def _own_classes(path: str) -> set[str]:
  """Returns the names of classes in a saved model that do not come with Keras."""
  with zipfile.ZipFile(path) as file:
    found, left = set(), [json.loads(file.read('config.json'))]
  while left:
    value = left.pop()
    if isinstance(value, dict):
      left += value.values()
      module, name = value.get('module'), value.get('registered_name')
      if 'class_name' in value and name and not str(module or '').startswith('keras'):
        found.add(value['class_name'])
    elif isinstance(value, list):
      left += value
  return found
