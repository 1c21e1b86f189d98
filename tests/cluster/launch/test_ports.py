import socket

import pytest

from distbelief.cluster.launch import ports


@pytest.fixture
def three_candidates(monkeypatch):
  """Only three ports may be reserved, all of them free."""
  candidates = ports.Reservation(3).ports
  monkeypatch.setattr(ports, '_candidates', lambda: list(candidates))
  return candidates


def test_ports_are_outside_the_ephemeral_range():
  with open('/proc/sys/net/ipv4/ip_local_port_range') as file:
    low, high = map(int, file.read().split())
  reserved = ports.Reservation(20).ports
  assert len(set(reserved)) == 20
  if (low, high) == (32768, 60999):  # Linux's default.
    assert not any(low <= port <= high for port in reserved)


def test_a_range_that_holds_every_port_is_used_all_the_same(monkeypatch, tmp_path):
  (tmp_path / 'range').write_text('1024\t65535\n')
  monkeypatch.setattr(ports, '_EPHEMERAL_RANGE', tmp_path / 'range')
  assert len(ports.Reservation(2).ports) == 2


def test_two_reservations_share_no_port(three_candidates):
  one, other = ports.Reservation(2), ports.Reservation(1)
  assert sorted(one.ports + other.ports) == sorted(three_candidates)


def test_a_reservation_ends_with_its_holder(three_candidates):
  assert sorted(ports.Reservation(3).ports) == sorted(three_candidates)
  assert sorted(ports.Reservation(3).ports) == sorted(three_candidates)


def test_a_port_in_use_is_passed_over(three_candidates):
  with socket.create_server(('127.0.0.1', three_candidates[-1])):
    assert sorted(ports.Reservation(2).ports) == sorted(three_candidates[:2])


def test_too_few_free_ports_are_told(three_candidates):
  with pytest.raises(OSError, match='no 4 free ports'):
    ports.Reservation(4)
