"""Scores a saved model on a config's hold-out data."""

from __future__ import annotations

import ml_collections
import tensorflow as tf

from distbelief import errors, user_code
from distbelief.data.held_out import HeldOut
from distbelief.problem import factory


def holdout(config: ml_collections.ConfigDict, path: str) -> str:
  """Returns a line with the loss and metrics over all hold-out examples.

  Args:
    config: Config with the data; with the loss if the model was saved without one; and,
      if the model has classes of the user's, with the function that made it as
      model.name.
    path: Path of the model, a .keras file, or of its weights, a .weights.h5 file.

  Raises:
    errors.UserError: If the data are missing, or the model does not fit them.
  """
  config = config.copy_and_resolve_references()
  weights = None
  if user_code.is_user_function(config.model.name):
    weights = path  # The function knows its classes; the file may not.
  elif path.endswith('.keras'):
    config.model.name = path
  else:
    raise errors.UserError(
      f'--model ({path}) has weights only: name the function that makes the model, '
      '--config.model.name=FILE.py:function'
    )
  source = factory.make_source(config)
  source.prepare()
  objective = factory.make_objective(config, source, weights)
  minibatches = HeldOut(source).minibatches
  found = objective.evaluate(*objective.weights, minibatches)
  scores = [f'{name} {found[name]:.4f}' for name in ('accuracy', *sorted(found))]
  kept = [score for score in dict.fromkeys(scores) if not score.endswith(' nan')]
  number = sum(int(tf.nest.flatten(m)[0].shape[0]) for m in minibatches)
  return f'hold-out {", ".join(kept)} ({number} examples of {config.data.name})'
