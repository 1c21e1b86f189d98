"""The process of `distbelief.train`: python -m distbelief._launched ORDER.json WORKDIR.

Not a command for users: `distbelief.run.train` writes the order file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path

from distbelief import config as config_lib
from distbelief import errors, run
from distbelief.command_line.program import program


def _end_with_caller() -> None:
  """Stops this process, with a checkpoint, when its caller is gone.

  The caller holds the other end of our standard input, and closes it by dying.
  """
  if not stat.S_ISFIFO(os.fstat(0).st_mode):  # Started otherwise.
    return

  def wait() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), errors.CALLER_IS_GONE)

  threading.Thread(target=wait, daemon=True).start()


@program
def main(argv: list[str]) -> int:
  """Launches the run that the order file describes; returns an exit status."""
  _end_with_caller()
  order, workdir = argv[1:]
  words = json.loads(Path(order).read_text())
  config = config_lib.from_json(json.dumps(words['config']))
  return run.launch(config, workdir, command=words['command'], clock=words['clock'])


if __name__ == '__main__':
  sys.exit(main())
