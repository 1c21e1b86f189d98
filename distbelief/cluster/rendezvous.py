"""How the tasks of a cluster find each other before TensorFlow connects them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from distbelief import errors

Cluster: TypeAlias = Mapping[str, Sequence[str]]  # Addresses, host:port, by job.

_RETRY_SECONDS = 0.02  # Between two rounds of probes.
_PROBE_SECONDS = 1.0  # A host that is up answers within this time.
_FIRST_LINE_SECONDS, _NEXT_LINE_SECONDS = 5.0, 10.0
_GONE_SECONDS = 30.0  # A chief may restart: servers wait for it that long.

# Results of a probe, as they are added to an address.
_UP, _DOWN, _UNKNOWN_HOST = ' (up)', '', ' (unknown host)'


class ChiefGone:
  """Whether a chief that was there has been away for a while; for `serve`.

  For tasks that were started by hand, with TF_CONFIG, which no launcher stops.
  """

  def __init__(
    self,
    address: str,
    patience: float = _GONE_SECONDS,
    first_patience: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
  ) -> None:
    """Takes the chief's host:port and the seconds it may be away, or first be late."""
    self._address = address
    self._patience = patience
    self._clock = clock
    self._start, self._first_patience = clock(), first_patience
    self._last_seen: float | None = None

  def __call__(self) -> bool:
    """Probes the chief."""
    if _probe(self._address) == _UP:
      self._last_seen = self._clock()
    if self._last_seen is None:
      return self._clock() - self._start > self._first_patience
    return self._clock() - self._last_seen > self._patience


@contextlib.contextmanager
def answering(address: str) -> Iterator[None]:
  """Accepts connections at a task's port, for `wait_for_tasks` of the others.

  Until the task's own server does: some of TensorFlow's start only when all tasks answer.

  Raises:
    OSError: If the port is taken.
  """
  listener = socket.create_server(('', int(address.rpartition(':')[2])))

  def answer() -> None:
    with contextlib.suppress(OSError):  # It is shut down.
      while True:
        connection, _ = listener.accept()
        # The side that closes first keeps the port busy for a while.
        with connection, contextlib.suppress(OSError):
          connection.settimeout(_PROBE_SECONDS)
          connection.recv(1)

  thread = threading.Thread(target=answer, daemon=True)
  thread.start()
  try:
    yield
  finally:
    with listener:
      listener.shutdown(socket.SHUT_RDWR)
    thread.join(_PROBE_SECONDS)


def wait_for_tasks(cluster: Cluster, timeout: float, log: Callable[[str], None]) -> None:
  """Returns when every ps and worker accepts connections.

  TensorFlow would wait for them silently and forever, deaf to Ctrl-C.

  Args:
    cluster: Addresses of the tasks.
    timeout: Timeout in seconds, config.cluster.start_timeout.
    log: Function that shows a line with the missing tasks, every few seconds.

  Raises:
    errors.LostPeerError: Names the tasks that do not answer in time.
  """
  missing = {
    f'{job} {index} at {address}': address
    for job in ('ps', 'worker')
    for index, address in enumerate(cluster.get(job, ()))
  }
  start = time.monotonic()
  next_line = start + _FIRST_LINE_SECONDS
  with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
    while True:
      answers = dict(zip(missing, pool.map(_probe, missing.values())))
      missing = {who: missing[who] for who in missing if answers[who] != _UP}
      if not missing:
        return
      now = time.monotonic()
      names = ', '.join(f'{who}{answers[who]}' for who in missing)
      if now - start > timeout:
        raise errors.LostPeerError(
          f'no {names} after {now - start:.0f} s: start these tasks with the same '
          f'TF_CONFIG, or raise config.cluster.start_timeout ({timeout:g} s)'
        )
      if now > next_line:
        log(f'waiting for {names}, {now - start:.0f} s')
        next_line = now + _NEXT_LINE_SECONDS
      time.sleep(_RETRY_SECONDS)


def _probe(address: str) -> str:
  """Returns whether a server accepts connections there."""
  host, _, port = address.rpartition(':')
  try:
    socket.create_connection((host.strip('[]'), int(port)), _PROBE_SECONDS).close()
  except socket.gaierror:
    return _UNKNOWN_HOST
  except OSError:
    return _DOWN
  return _UP
