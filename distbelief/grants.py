"""How many steps of the pool a window gets: the same under every clock."""

from __future__ import annotations

from typing import Any


def fair(left: Any, num_replicas: int) -> Any:
  """Returns the most steps that a window should get, an int64 scalar or an int.

  Near the end windows shorten, down to single steps, so that a slow replica's last
  window does not keep the others waiting for long: with a quarter of its share,
  1 / (4 N) of what is left, one that is five times slower than the rest ends with them.

  Args:
    left: Steps in the pool.
    num_replicas: N.
  """
  return -(-left // (4 * num_replicas))
