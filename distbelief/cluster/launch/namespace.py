"""A private network of the run: TensorFlow's servers accept anyone who can reach them.

They listen on all interfaces, whatever their address, without authentication. In a
network namespace of its own a local cluster has a loopback interface and nothing else: no
other user or machine reaches it, and no port can be taken. The kernel removes the
namespace with the last process in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct

from distbelief.cluster.launch import linux

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_IFREQ = '16sh22x'  # struct ifreq: the interface's name, its flags.


class Namespace:
  """A network namespace, with the user namespace that owns it if there is one."""

  def __init__(self, fds: list[int]) -> None:
    """Takes the namespaces' file descriptors: [network] or [network, user]."""
    self._network, *self._user = fds

  def enter(self) -> None:
    """Moves this process, which must have one thread, into it."""
    for user in self._user:
      linux.setns(user, linux.CLONE_NEWUSER)
    linux.setns(self._network, linux.CLONE_NEWNET)


def create() -> Namespace | None:
  """Returns a namespace whose loopback interface works, or None if that is forbidden.

  A short-lived child creates it, so that this process keeps the machine's network and
  may have threads.
  """
  ours, theirs = socket.socketpair()
  with ours, theirs:
    child = os.fork()
    if not child:
      try:
        socket.send_fds(theirs, [b'.'], _make())
      finally:
        os._exit(0)
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 1, 2)
    os.waitpid(child, 0)
  return Namespace(fds) if fds else None


def _make() -> list[int]:
  """Moves this process into new namespaces and returns their file descriptors."""
  with contextlib.suppress(OSError):  # Only root may.
    linux.unshare(linux.CLONE_NEWNET)
    return _open_loopback('net')
  user, group = os.geteuid(), os.getegid()
  linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNET)
  # The process keeps its user and group: files keep their owners.
  _write('/proc/self/setgroups', 'deny')
  _write('/proc/self/uid_map', f'{user} {user} 1')
  _write('/proc/self/gid_map', f'{group} {group} 1')
  return _open_loopback('net', 'user')


def _open_loopback(*kinds: str) -> list[int]:
  """Brings the loopback interface up and returns this process's namespaces."""
  with socket.socket() as sock:
    request = struct.pack(_IFREQ, b'lo', 0)
    name, flags = struct.unpack(_IFREQ, fcntl.ioctl(sock, _SIOCGIFFLAGS, request))
    request = struct.pack(_IFREQ, name, flags | _IFF_UP)
    fcntl.ioctl(sock, _SIOCSIFFLAGS, request)
  return [os.open(f'/proc/self/ns/{kind}', os.O_RDONLY) for kind in kinds]


def _write(path: str, text: str) -> None:
  with open(path, 'w') as file:
    file.write(text)
