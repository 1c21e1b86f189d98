"""SGD with a fixed rate: the blue curve of Figure 4."""

from typing import Any

SLOTS = ()


def sgd(slots: tuple, gradient: Any, staleness: Any, rate: float) -> tuple[Any, tuple]:
  """Returns delta = eta * gradient, and no slots."""
  del staleness
  return rate * gradient, slots
