"""The process of `distbelief.train`: python -m distbelief._launched ORDER.json WORKDIR.

Not a command for users: `distbelief.run.train` writes the order file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from distbelief import config as config_lib
from distbelief import run
from distbelief.command_line.program import program


@program
def main(argv: list[str]) -> int:
  """Launches the run that the order file describes; returns an exit status."""
  order, workdir = argv[1:]
  words = json.loads(Path(order).read_text())
  config = config_lib.from_json(json.dumps(words['config']))
  return run.launch(config, workdir, command=words['command'], clock=words['clock'])


if __name__ == '__main__':
  sys.exit(main())
