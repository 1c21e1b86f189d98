"""Runs a function in a child process, so that this one stays as it is."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from distbelief import errors
from distbelief.cluster.launch import linux


def run_in_fork(function: Callable[[], None]) -> None:
  """Calls `function` in a forked process; TensorFlow's runtime must not have started.

  Raises:
    errors.UserError: If it raised one; any other error's traceback is on standard error.
  """
  reading, writing = os.pipe()
  parent, child = os.getpid(), os.fork()
  if not child:
    status = errors.FAILED
    try:
      linux.die_with(parent)  # It holds the lock of the workdir as well.
      function()
      status = errors.DONE
    except errors.UserError as error:
      os.write(writing, str(error).encode())
      status = error.status
    except BaseException:
      traceback.print_exc()
    finally:
      sys.stderr.flush()
      os._exit(status)
  os.close(writing)
  with open(reading) as pipe:
    message = pipe.read()
  status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
  if status:
    failure = errors.UserError(
      message or f'the model and data could not be tried (status {status}), see above'
    )
    failure.status = status if status > 0 else errors.LOST_PEER  # Killed.
    raise failure
