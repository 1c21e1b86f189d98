"""A model passed to `train`: its file, and its name in a config.

It is saved in the run's directory, and config.json names it relative to that, so that the
directory can be moved. Creating the model needs the whole path.
"""

from __future__ import annotations

from pathlib import Path

import ml_collections

FILE_NAME = 'given.keras'  # In the run's directory, and as config.model.name.


def relative(
  config: ml_collections.ConfigDict, workdir: Path
) -> ml_collections.ConfigDict:
  """Returns the config as it is saved in config.json.

  Args:
    config: Config; may have the whole path, as runs of earlier versions have.
    workdir: Directory of the run, which may have been moved since.
  """
  name, kept = Path(config.model.name), workdir.resolve() / FILE_NAME
  if name.name != FILE_NAME or str(name) == FILE_NAME:
    return config
  if name.resolve() == kept or (kept.exists() and not name.exists()):
    return _named(config, FILE_NAME)
  return config


def resolved(
  config: ml_collections.ConfigDict, workdir: Path
) -> ml_collections.ConfigDict:
  """Returns the config with the whole path of a model that was passed to `train`."""
  kept = workdir.resolve() / FILE_NAME
  # Else it is a file of the user's with the same name.
  is_kept = relative(config, workdir).model.name == FILE_NAME and kept.exists()
  return _named(config, str(kept)) if is_kept else config


def _named(config: ml_collections.ConfigDict, name: str) -> ml_collections.ConfigDict:
  config = config.copy_and_resolve_references()
  config.model.name = name
  return config
