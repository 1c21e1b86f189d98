"""System calls for which Python 3.11 has no function (3.12 has os.unshare and setns)."""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
  if result:
    error = ctypes.get_errno()
    raise OSError(error, os.strerror(error))


def unshare(flags: int) -> None:
  """Moves this process into new namespaces; NEWUSER requires a single thread."""
  _checked(_libc.unshare(flags))


def setns(fd: int, kind: int) -> None:
  """Moves this process into the namespace of that kind that `fd` refers to."""
  _checked(_libc.setns(fd, kind))


def set_process_name(name: str) -> None:
  """Sets the name in /proc/self/comm of the main thread (15 bytes at most)."""
  _checked(_libc.prctl(_PR_SET_NAME, name.encode()))


def die_with(parent: int) -> None:
  """Makes the kernel kill this process when `parent`, which forked it, dies.

  A change of credentials would undo it, so call it after them. It is bound to the
  parent's forking thread, which must live as long as the parent.
  """
  _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
  if os.getppid() != parent:  # It died before the call.
    os._exit(1)
