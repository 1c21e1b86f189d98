"""What a Keras model is made of, as text, to tell an edited model from the run's."""

from __future__ import annotations

import re
from typing import Any


def of_model(model: Any) -> str:
  """Returns a Keras model's description without the numbers that Keras counts up.

  Empty if the model cannot tell.
  """
  try:
    text = model.to_json()
  except Exception:  # Of a class without get_config.
    return ''
  return re.sub(r'_\d+(?=")|(?<="shared_object_id": )\d+', '', text)
