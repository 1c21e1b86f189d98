"""Ports for a cluster that shares the machine's network with others."""

from __future__ import annotations

import random
import socket

_EPHEMERAL_RANGE = '/proc/sys/net/ipv4/ip_local_port_range'
_LOWEST = 10000


class Reservation:
  """Ports that no other run on this machine takes while this one lives.

  TensorFlow's servers do not share a port, so the port itself cannot be held for them.
  Each has a lock beside it instead: a unix socket in the abstract namespace, which
  leaves no file and goes with the last process that has it open.
  """

  def __init__(self, count: int) -> None:
    """Reserves `count` ports; raises OSError if there are not so many."""
    self.ports: list[int] = []
    self._locks: list[socket.socket] = []
    candidates = _candidates()
    while len(self.ports) < count:
      if not candidates:
        raise OSError(f'no {count} free ports on this machine')
      port = candidates.pop()
      lock = _lock(port)
      if lock and _is_free(port):
        self.ports.append(port)
        self._locks.append(lock)


def _candidates() -> list[int]:
  """Returns ports in random order, without those the kernel gives to clients."""
  with open(_EPHEMERAL_RANGE) as file:
    low, high = map(int, file.read().split())
  every = range(_LOWEST, 2**16)
  candidates = [port for port in every if not low <= port <= high] or list(every)
  random.SystemRandom().shuffle(candidates)
  return candidates


def _lock(port: int) -> socket.socket | None:
  lock = socket.socket(socket.AF_UNIX)
  try:
    lock.bind(f'\0distbelief-port-{port}')
  except OSError:
    lock.close()
    return None
  return lock


def _is_free(port: int) -> bool:
  with socket.socket() as sock:
    try:
      sock.bind(('', port))
    except OSError:
      return False
  return True
