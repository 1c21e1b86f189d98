"""Skew, order and theory of staleness."""

import numpy as np
import pytest

from distbelief import config as config_lib
from distbelief.analysis import pushes, staleness, summary
from tests.analysis import made_up_run


def config(**fields):
  made = config_lib.default_config()
  made.cluster.num_replicas = 4
  made.update_from_flattened_dict(fields)
  return made


@pytest.mark.parametrize('size', [0, 1, 2, 63, 64, 65, 500])
def test_inversions_are_all_pairs_in_falling_order(size):
  values = np.random.default_rng(size).permutation(size)
  slow = sum(int((values[:i] > values[i]).sum()) for i in range(size))
  assert staleness.inversions(values) == slow
  assert staleness.inversions(np.sort(values)) == 0
  assert staleness.inversions(np.sort(values)[::-1]) == size * (size - 1) // 2


def test_opposite_orders_are_those_of_pushes_that_both_shards_applied():
  made = made_up_run.downpour([0.01] * 4, 300, num_shards=3)
  derived = pushes.derive(made)
  opposite, pairs = staleness.opposite_orders(derived)
  versions = derived['version_applied']
  slow = 0
  for one, other in ((0, 1), (0, 2), (1, 2)):
    a = np.sign(versions[:, one, None] - versions[None, :, one])
    b = np.sign(versions[:, other, None] - versions[None, :, other])
    slow += int((a * b < 0).sum()) // 2
  assert opposite == slow > 0
  assert pairs == 3 * 300 * 299 // 2
  made['status'][0, 1] = 0  # Lost at one shard: two of the three pairs of shards.
  _, fewer = staleness.opposite_orders(pushes.derive(made))
  assert fewer == 300 * 299 // 2 + 2 * (299 * 298 // 2)


def test_skew_is_between_newest_and_oldest_shard_of_a_fetch():
  made = made_up_run.blank(4, 3)
  made['version_held'] = [[5, 5, 5], [7, 5, 6], [9, 1, 1], [4, 6, -1]]
  made['fresh'] = [True, True, False, True]  # A launch with two shards made the last.
  assert staleness.skew(made).tolist() == [0, 2, 2]


@pytest.mark.parametrize(
  ('fields', 'mean'),
  [
    ({}, 3),
    ({'cluster.num_replicas': 1}, 0),
    ({'cluster.latency_seconds': 0.05}, 3 * 0.15 / 0.2),
    ({'downpour.overlap': True}, 7),
    ({'cluster.slowdown': (1, 1, 1, 4)}, 3),
    ({'cluster.slowdown': (1, 1, 1, 4), 'cluster.latency_seconds': 0.05}, None),
    ({'downpour.overlap': True, 'downpour.n_push': 2}, None),
    ({'downpour.overlap': True, 'cluster.latency_seconds': 0.2}, None),
    ({'algorithm': 'synchronous'}, 0),
    # One own push comes after the fetch; the three others push every three steps, and
    # four steps pass.
    ({'downpour.n_fetch': 3, 'downpour.n_push': 3}, 1 + 3 * 4 / 3),
  ],
)
def test_theory_is_that_of_the_design(fields, mean):
  found = staleness.theory(config(**fields), 0.1)
  assert found == (mean if mean is None else pytest.approx(mean))


@pytest.mark.parametrize('latency', [0.0, 0.04])
@pytest.mark.parametrize(('n_fetch', 'n_push'), [(1, 1), (3, 3), (2, 3), (4, 2), (5, 1)])
def test_theory_agrees_with_replicas_that_run_the_schedule(n_fetch, n_push, latency):
  """Equal machines with random phases, whatever the intervals."""
  replicas, step, rng = 5, 0.1, np.random.default_rng(7)
  reads, arrivals, period = [], [], int(np.lcm(n_fetch, n_push))
  for replica in range(replicas):
    now, fetched, oldest = rng.uniform(0, step * period * 4), 0.0, None
    for k in range(100 * period):
      if k % n_fetch == 0:
        now += latency
        fetched = now
      oldest = fetched if oldest is None else oldest
      now += step
      if k % n_push == 0:
        now += latency
        arrivals.append(now)
        reads.append((replica, oldest, now, k))
        oldest = None
  arrivals = np.sort(arrivals)
  ages = [
    np.searchsorted(arrivals, end) - np.searchsorted(arrivals, start, side='right')
    for _, start, end, k in reads
    if 20 * period <= k < 80 * period
  ]
  fields = {'downpour.n_fetch': n_fetch, 'downpour.n_push': n_push}
  made = config(**fields)
  made.cluster.num_replicas, made.cluster.latency_seconds = replicas, latency
  assert np.mean(ages) == pytest.approx(staleness.theory(made, step), rel=0.12)


def header(clock='virtual', shard_bytes=(1000,)):
  return {'clock': clock, 'shard_bytes': shard_bytes, 'num_shards': len(shard_bytes)}


FAR = {'cluster.latency_seconds': 0.1, 'simulation.replica_bandwidth': 1e4}


@pytest.mark.parametrize(
  ('fields', 'mean'),
  [
    (FAR, 3 * (0.1 + 0.1 + 2 * 0.1) / (0.1 + 2 * 0.1 + 2 * 0.1)),  # 2.4.
    ({'simulation.replica_bandwidth': 1e4}, 3),
    # Shards serve one after the other, and how long replicas then queue nothing says.
    ({**FAR, 'simulation.shard_bandwidth': 1e4}, None),
    ({**FAR, 'simulation.update_seconds': 0.05}, None),
    # But what lies between a read and the next update is always all of the time.
    ({'simulation.shard_bandwidth': 1e4, 'simulation.update_seconds': 0.05}, 3),
    ({**FAR, 'downpour.overlap': True}, None),
    ({**FAR, 'cluster.slowdown': (1, 1, 1, 4)}, None),
    ({'simulation.window_seconds': 2.0}, 3 * 0.1 / (0.1 + 2.0 / 20)),
    ({**FAR, 'simulation.window_seconds': 2.0, 'downpour.n_push': 2}, None),
    ({**FAR, 'algorithm': 'synchronous'}, 0),
  ],
)
def test_theory_knows_simulated_links(fields, mean):
  found = staleness.theory(config(**fields), 0.1, header())
  assert found == (mean if mean is None else pytest.approx(mean))


def test_a_cluster_has_no_simulated_links():
  found = staleness.theory(config(**FAR), 0.1, header('cluster'))
  assert found == pytest.approx(2)


@pytest.mark.parametrize('latency', [0.0, 0.05])
def test_an_ideal_run_has_the_mean_of_theory(latency):
  made = made_up_run.downpour([0.1] * 3, 6000, latency)
  found = summary.staleness(pushes.derive(made[300:]))
  fields = {'cluster.num_replicas': 3, 'cluster.latency_seconds': latency}
  expected = staleness.theory(config(**fields), 0.1)
  assert found['mean'] == pytest.approx(expected, rel=0.03)


def test_what_is_described_is_empty_where_nothing_is_on_record():
  made = made_up_run.blank(0, 2)
  found = staleness.describe(config(), made, pushes.derive(made))
  assert found['theoretical_staleness'] is None
  assert found['version_skew'] == {'mean': None, 'max': None}
  assert found['opposite_orders'] == {'pairs': 0, 'of': 0}
