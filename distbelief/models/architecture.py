"""What a Keras model is made of, as text, to tell an edited model from the run's."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any


def of_model(model: Any) -> str:
  """Returns a Keras model's description without the numbers that Keras counts up.

  Empty if the model cannot tell.
  """
  try:
    text = model.to_json()
  except Exception:  # Of a class without get_config.
    return ''
  return _without_numbers(text)


def of_file(path: Path) -> str:
  """Returns `of_model` of the model that was saved to a .keras file."""
  with zipfile.ZipFile(path) as parts:
    return _without_numbers(parts.read('config.json').decode())


def _without_numbers(text: str) -> str:
  """Leaves out what is counted, and ids of shared objects, which only a file has."""
  return re.sub(r'_\d+(?=")|, "shared_object_id": \d+', '', text)
