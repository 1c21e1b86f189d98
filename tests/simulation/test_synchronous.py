"""Replicas that wait for one another, and die meanwhile."""

import numpy as np
import pytest

from distbelief.simulation.synchronous import Barrier
from tests.simulation.simulated import config_of


class Steady:
  """Machines whose steps all take a second, and lives that are given."""

  def __init__(self, lives):
    self._lives = lives

  def step_seconds(self, replica, step, now):
    del replica, step, now
    return 1.0

  def lives(self, replica):
    return iter(self._lives.get(replica, []))


def barrier(lives, replicas=3, backups=0, restart=10.0, start=0.0):
  config = config_of(algorithm='synchronous', **{'simulation.restart_seconds': restart})
  return Barrier(config, Steady(lives), 4.0, replicas, backups, start)


def ends(found, count):
  now, seen = 0.0, []
  for step in range(count):
    now = found.update(now, step).end
    seen.append(now)
  return seen


def test_all_wait_for_a_replica_that_died():
  found = barrier({1: [2.5]})
  # It dies in the third step, is back at 12.5 and computes anew.
  assert ends(found, 4) == pytest.approx([1, 2, 13.5, 14.5])
  assert found.deaths == 1


def test_with_a_backup_nobody_waits_and_the_dead_stay_away():
  found = barrier({1: [2.5]}, backups=1)
  now, counted = 0.0, []
  for step in range(16):
    update = found.update(now, step)
    counted.append(bool(update.counted[1]))
    assert update.computed[1] <= update.gathered
    now = update.end
  assert now == pytest.approx(16.0)
  # 0 and 1 are the first of three; then it is away until 12.5, and late once.
  assert counted == [True] * 2 + [False] * 11 + [True] * 3
  assert found.deaths == 1


def test_who_died_before_a_run_went_on_is_not_counted_again():
  found = barrier({0: [0.5, 1000.0], 1: [3.0]}, start=5.0)
  # Replica 0 is back; replica 1 is until 13.
  assert found.update(5.0, 5).end == pytest.approx(14.0)
  assert found.deaths == 0


def test_it_dies_again_and_again():
  found = barrier({0: [0.5, 0.2, 5.0]}, replicas=1, restart=1.0)
  # Back at 1.5, dead at 1.7, back at 2.7, dead at 7.7, and back for good at 8.7.
  assert ends(found, 6) == pytest.approx([3.7, 4.7, 5.7, 6.7, 7.7, 9.7])
  assert found.deaths == 3


def test_a_ring_sends_all_but_one_part_twice():
  config = config_of(
    algorithm='synchronous',
    **{'simulation.replica_bandwidth': 100.0, 'cluster.latency_seconds': 0.25},
  )
  found = Barrier(config, Steady({}), 300.0, 4, 0)
  update = found.update(0.0, 0)
  assert update.summed - update.gathered == pytest.approx(2 * 3 / 4 * 3.0 + 0.25)
  assert np.all(update.counted)
