import os
import socket

import pytest

from distbelief.cluster.launch import linux, namespace


def run_in_fork(function):
  """Runs `function` in a forked process and returns the text it returns."""
  read, write = os.pipe()
  if not os.fork():
    try:
      os.write(write, function().encode())
    finally:
      os._exit(0)
  os.close(write)
  with open(read) as pipe:
    text = pipe.read()
  os.wait()
  return text


@pytest.fixture
def network():
  created = namespace.create()
  if created is None:
    pytest.skip('this kernel allows no network namespace')
  return created


def listen_at_2222():
  with socket.create_server(('127.0.0.1', 2222)) as server:
    socket.create_connection(server.getsockname(), 1).close()
    return 'reached'


def test_loopback_works_inside(network):
  def inside():
    network.enter()
    return listen_at_2222()

  assert run_in_fork(inside) == 'reached'


def test_nobody_outside_is_reached(network):
  with socket.create_server(('127.0.0.1', 0)) as server:

    def inside():
      network.enter()
      try:
        socket.create_connection(server.getsockname(), 1).close()
      except ConnectionRefusedError:
        return 'refused'

    assert run_in_fork(inside) == 'refused'


def test_only_the_network_is_another_one(network):
  def identity():
    return str((os.getuid(), os.getgid(), os.getcwd()))

  def inside():
    network.enter()
    return identity()

  assert run_in_fork(inside) == identity()


def test_this_process_keeps_its_network(network):
  before = os.readlink('/proc/self/ns/net')
  assert before == os.readlink('/proc/self/ns/net')
  assert (
    run_in_fork(lambda: network.enter() or os.readlink('/proc/self/ns/net')) != before
  )


def test_where_it_is_forbidden_there_is_none(monkeypatch):
  def forbid(unused_flags):
    raise PermissionError

  monkeypatch.setattr(linux, 'unshare', forbid)
  assert namespace.create() is None


def test_root_without_the_right_uses_a_user_namespace(monkeypatch):
  unshare = linux.unshare

  def forbid_network_alone(flags):
    if not flags & linux.CLONE_NEWUSER:
      raise PermissionError
    unshare(flags)

  monkeypatch.setattr(linux, 'unshare', forbid_network_alone)
  network = namespace.create()
  if network is None:
    pytest.skip('this kernel allows no user namespace')
  assert run_in_fork(lambda: network.enter() or listen_at_2222()) == 'reached'
