"""Atomic writing of files that others may read at any time."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path | str, text: str) -> None:
  """Writes a text file so that a reader sees all of it or the former contents."""
  partial = f'{path}.partial'
  with open(partial, 'w', newline='') as file:
    file.write(text)
  os.replace(partial, path)
