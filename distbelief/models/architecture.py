"""A Keras model's architecture as text, to detect a model edited since the run began."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any


def of_model(model: Any) -> str:
  """Returns a Keras model's description without the numbers that Keras counts up.

  Empty if the model cannot describe itself.
  """
  try:
    text = model.to_json()
  except Exception:  # A class without get_config.
    return ''
  return _without_numbers(text)


def of_file(path: Path) -> str:
  """Returns `of_model` of the model that was saved to a .keras file."""
  with zipfile.ZipFile(path) as parts:
    return _without_numbers(parts.read('config.json').decode())


def _without_numbers(text: str) -> str:
  """Removes counters, and ids of shared objects, which only a file has."""
  return re.sub(r'_\d+(?=")|, "shared_object_id": \d+', '', text)
