"""SGD with heavy-ball momentum; not in the paper, but common in later comparisons."""

from typing import Any

SLOTS = ('velocity',)


def momentum(
  slots: tuple, gradient: Any, staleness: Any, rate: float, *, momentum: float
) -> tuple[Any, tuple]:
  """Returns delta = velocity = momentum * velocity + eta * gradient."""
  del staleness
  (velocity,) = slots
  velocity = momentum * velocity + rate * gradient
  return velocity, (velocity,)
