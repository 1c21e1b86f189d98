from distbelief.simulation.network import Link, send


def test_without_limits_nothing_takes_time():
  assert send(Link(None), Link(None), 1e9, 3.0) == 3.0


def test_the_slower_link_says_how_long_it_takes():
  assert send(Link(100.0), Link(50.0), 200, 1.0) == 5.0
  assert send(Link(50.0), Link(100.0), 200, 1.0) == 5.0


def test_a_shard_serves_one_transfer_after_the_other():
  shard = Link(100.0)
  assert send(shard, Link(None), 200, 0.0) == 2.0
  assert send(shard, Link(None), 200, 0.5) == 4.0
  assert send(shard, Link(None), 200, 9.0) == 11.0


def test_a_replica_receives_one_shard_after_the_other():
  replica = Link(100.0)
  ends = [send(Link(None), replica, 100, 0.0) for _ in range(3)]
  assert ends == [1.0, 2.0, 3.0]
