"""What replicas and shards did, on ideal runs whose arithmetic is known."""

import numpy as np
import pytest

from distbelief import config as config_lib
from distbelief.analysis import summary, utilisation
from distbelief.analysis.run import Run
from tests.analysis import made_up_run

T, L = 0.1, 0.05


def table_of(run, records=None):
  records = run.last_launch if records is None else records
  algorithm = config_lib.algorithm(run.config)
  return utilisation.shard_table(records, run.header, algorithm)


def test_blocking_replicas_split_their_time_as_arithmetic_says():
  made = made_up_run.downpour([T] * 3, 3000, latency=L)
  for row in summary.replica_table(made, 3, overlap=False, warmstart_steps=0):
    assert row['computing'] == pytest.approx(T / (T + 2 * L), abs=0.01)
    assert row['fetching'] == pytest.approx(L / (T + 2 * L), abs=0.01)
    assert row['pushing'] == pytest.approx(L / (T + 2 * L), abs=0.01)
    assert row['waiting'] == pytest.approx(0, abs=0.01)


def test_the_fast_wait_only_where_all_wait_for_all():
  asynchronous = made_up_run.downpour([T, T, 4 * T], 3000)
  together = made_up_run.synchronous([T, T, 4 * T], 300)
  for made, waiting in ((asynchronous, 0.0), (together, 0.75)):
    table = summary.replica_table(made, 3, overlap=False, warmstart_steps=0)
    assert [row['waiting'] for row in table] == pytest.approx(
      [waiting, waiting, 0], abs=0.03
    )


def test_a_shard_is_busy_while_it_updates(tmp_path):
  made = made_up_run.downpour([T] * 3, 3000, num_shards=2)
  run = Run(made_up_run.write(tmp_path / 'run', made))
  table = table_of(run)
  start, end = utilisation.span(made)
  rate = 3000 / (end - start)
  for row in table:
    assert row['updates'] == 3000
    assert row['updates_per_second'] == pytest.approx(rate, rel=1e-3)
    assert row['busy'] == pytest.approx(rate * made_up_run.UPDATE, rel=1e-3)
    assert row['bytes_per_second'] == pytest.approx(2 * 1000 * rate, rel=1e-3)
  total = utilisation.bytes_per_second(table, run.header, run.config)
  assert total == pytest.approx(4000 * rate, rel=1e-3)


def test_an_update_that_all_make_counts_once(tmp_path):
  made = made_up_run.synchronous([T, T], 100)
  run = Run(made_up_run.write(tmp_path / 'run', made, algorithm='synchronous'))
  table = table_of(run)
  assert table[0]['updates'] == 100
  assert table[0]['updates_per_second'] == pytest.approx(1 / 0.11, rel=1e-3)
  # Each of two sends the whole once: 2 (N - 1) / N of it.
  total = utilisation.bytes_per_second(table, run.header, run.config)
  assert total == pytest.approx(2 * 1000 / 0.11, rel=1e-3)


def test_backups_are_no_part_of_an_all_reduce(tmp_path):
  made = made_up_run.synchronous([T] * 4, 100)
  fields = {'algorithm': 'synchronous', 'synchronous.backup_workers': 1}
  run = Run(made_up_run.write(tmp_path / 'run', made, **fields))
  total = utilisation.bytes_per_second(table_of(run), run.header, run.config)
  assert total == pytest.approx(2 * (3 - 1) * 1000 / 0.11, rel=1e-3)


def test_one_process_sends_nothing(tmp_path):
  made = made_up_run.synchronous([T], 100)
  run = Run(made_up_run.write(tmp_path / 'run', made, algorithm='sgd'))
  assert utilisation.bytes_per_second(table_of(run), run.header, run.config) == 0


def test_without_records_nothing_is_told(tmp_path):
  made = made_up_run.downpour([T], 1)[:0]
  made = np.concatenate([made, made_up_run.blank(1, 1)])[:1]
  run = Run(made_up_run.write(tmp_path / 'run', made))
  table = table_of(run, run.last_launch[:0])
  assert table == [
    {'shard': 0, 'updates': 0, 'updates_per_second': None, 'busy': None}
    | {'bytes_per_second': None}
  ]
  assert utilisation.bytes_per_second(table, run.header, run.config) is None


def test_gaps_between_windows_are_waits():
  made = made_up_run.synchronous([T, T], 10)
  later = made['step'] >= 5
  for name in made.dtype.names:
    if name.endswith(('_start', '_end', 'applied_at')):
      made[name][later] += 0.5
  replica, start, end = utilisation.gaps(made)
  # A float of seconds since 1970 is good to a quarter of a microsecond.
  assert sorted(replica[end - start > 1e-6].tolist()) == [0, 1]
  np.testing.assert_allclose((end - start)[end - start > 1e-6], 0.5, atol=1e-6)
