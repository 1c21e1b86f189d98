"""The process of `distbelief.train`: python -m distbelief._launched ORDER.json WORKDIR.

It is no command of a user's: the order is what `distbelief.run.train` wrote.
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
  """Launches what the order says; returns an exit status."""
  order, workdir = argv[1:]
  words = json.loads(Path(order).read_text())
  config = config_lib.from_json(json.dumps(words['config']))
  return run.launch(config, workdir, command=words['command'], clock=words['clock'])


if __name__ == '__main__':
  sys.exit(main())
