"""Running figures, from logs that are made up."""

import numpy as np
import pytest

from distbelief.algorithms import catalog
from distbelief.telemetry import steps, tally
from tests.telemetry.made_up import DROPPED, LOST, log, push

DOWNPOUR, SYNCHRONOUS = catalog.get('downpour'), catalog.get('synchronous')
NO_LOG = np.empty([0, len(steps.LOG_COLUMNS) + len(steps.COLUMNS) + 2])


def test_figures_are_over_what_came_since_they_were_last_taken():
  running = tally.Tally(DOWNPOUR, batch_size=8)
  running.add_log(0, log(1, push(0, 0, loss=1.0, accuracy=0.5)))
  # Two steps of one push; versions 2 and 3 came after its oldest parameters.
  running.add_log(0, log(4, push(1, 2, held=[1], loss=4.0, accuracy=0.25)))
  taken = running.take()
  assert taken.scalars['train/loss'] == 3.0
  assert taken.scalars['train/accuracy'] == pytest.approx(1 / 3)
  assert (taken.scalars['staleness/mean'], taken.scalars['staleness/max']) == (1, 2)
  assert taken.histograms['staleness/replica_0'].tolist() == [0, 2]
  assert taken.histograms['staleness/shard_0'].tolist() == [0, 2]
  assert running.take() == ({'throughput/examples_per_second': 0.0}, {})


def test_a_push_is_as_stale_as_its_oldest_gradient():
  running = tally.Tally(DOWNPOUR, 8)
  young, old = push(2, 2, held=[5]), push(1, 1, held=[3])
  running.add_log(0, log(7, young + old))
  assert running.take().scalars['staleness/mean'] == 3


def test_losses_count_once_and_staleness_at_every_shard():
  running = tally.Tally(DOWNPOUR, 8)
  running.add_log(0, log(1, push(0, 0, held=[0, 0], loss=1.0)))
  running.add_log(1, log(5, push(0, 0, held=[0, 2], loss=9.0), shard=1))
  figures, histograms = running.take()
  assert figures['train/loss'] == 1
  assert (figures['staleness/mean'], figures['staleness/max']) == (1, 2)
  assert histograms['staleness/replica_0'].tolist() == [0, 2]
  assert histograms['staleness/shard_1'].tolist() == [2]


def times(step):
  """When a made-up step was, on the clock of made-up logs."""
  starts = {'wait_start': 0.0, 'fetch_start': 0.1, 'compute_start': 0.2}
  ends = {'wait_end': 0.1, 'fetch_end': 0.2, 'compute_end': 0.8}
  return {name: 1000 + step + after for name, after in (starts | ends).items()}


def test_the_time_between_two_windows_is_no_waiting():
  found = []
  for opens in (0, 1):
    running = tally.Tally(DOWNPOUR, 8)
    for step in range(3):
      first = opens if step == 1 else 0
      made = push(step, step, [step], opens_window=first, **times(step))
      running.add_log(0, log(step + 1, made))
    found.append(running.take().scalars['utilisation/replica_0_waiting'])
  assert found[1] == pytest.approx(found[0] * 2 / 3)


def test_time_is_told_by_what_was_done_in_it():
  running = tally.Tally(DOWNPOUR, 8, shard_bytes=[2e6, 1e6])
  for shard in (0, 1):
    # Each step waits 0.1 s and computes 0.6 s; each update takes 0.25 s of a second.
    for step in range(3):
      running.add_log(
        shard, log(step + 1, push(step, step, [step, step - 1], **times(step)))
      )
  first = running.take().scalars
  assert first['utilisation/replica_0_computing'] == pytest.approx(1.8 / 2.8)
  assert first['utilisation/replica_0_waiting'] == pytest.approx(0.3 / 2.8)
  assert first['utilisation/waiting'] == pytest.approx(0.3 / 2.8)
  assert first['utilisation/shard_1_updating'] == pytest.approx(0.75 / 3.15)
  assert first['throughput/updates_per_second'] == pytest.approx(3 / 3.15)
  # Three fetches and three pushes of 3 MB.
  assert first['throughput/megabytes_per_second'] == pytest.approx(18 / 3.15)
  assert first['staleness/version_skew'] == 1
  running.add_log(0, log(4, push(3, 3, **times(3))))
  later = running.take().scalars
  assert later['utilisation/replica_0_computing'] == pytest.approx(0.6)
  assert later['utilisation/shard_0_updating'] == pytest.approx(0.25)
  assert later['throughput/updates_per_second'] == pytest.approx(1)


def test_an_all_reduce_sends_everything_almost_twice():
  running = tally.Tally(SYNCHRONOUS, 8, shard_bytes=[1e6], num_replicas=4)
  nothing = times(0) | {'fetch_start': np.nan, 'fetch_end': np.nan}
  rows = [row for r in range(4) for row in push(0, 0, replica=r, **nothing)]
  running.add_log(0, log(1, rows))
  taken = running.take()
  assert taken.scalars['throughput/megabytes_per_second'] == pytest.approx(6 / 1.15)
  assert taken.scalars['throughput/updates_per_second'] == pytest.approx(1 / 1.15)


def without_fetch(step):
  """When a step was that computes with what it has."""
  return times(step) | {'fetch_start': np.nan, 'fetch_end': np.nan}


def test_pushes_of_a_second_without_a_fetch_are_no_all_reduce():
  running = tally.Tally(DOWNPOUR, 8, shard_bytes=[1e6], num_replicas=4)
  for step in range(12):
    rows = push(step, step, replica=step % 4, fresh=0, **without_fetch(step))
    running.add_log(0, log(step + 1, rows))
  taken = running.take()
  assert taken.scalars['throughput/megabytes_per_second'] == pytest.approx(12 / 12.15)


def test_only_where_all_wait_is_the_time_between_steps_waited():
  # From the first update's end, at 0.25 s, to when the second step computes, at 1.2 s.
  for algorithm, between in ((DOWNPOUR, 0), (SYNCHRONOUS, 0.95)):
    running = tally.Tally(algorithm, 8)
    for step in (0, 1):
      running.add_log(0, log(step, push(step, step, fresh=0, **without_fetch(step))))
    found = running.take().scalars['utilisation/replica_0_waiting']
    assert found == pytest.approx((2 * 0.1 + between) / 1.8), algorithm.name


@pytest.mark.parametrize('status', [DROPPED, LOST])
def test_only_what_was_applied_counts(status):
  running = tally.Tally(DOWNPOUR, 8)
  running.add_log(0, log(3, push(0, 0, loss=np.nan), status))
  running.add_log(0, NO_LOG)
  assert running.take() == ({'throughput/examples_per_second': 0.0}, {})


def test_the_rate_is_that_of_the_last_seconds():
  running = tally.Tally(DOWNPOUR, batch_size=8)
  running.add_progress(0, 0)
  assert running.examples_per_second() == 0
  for second in range(1, 11):
    running.add_progress(second, 100 * second)  # 800 examples/s.
  assert running.examples_per_second() == 800
  for second in range(11, 17):
    running.add_progress(second, 1000 + 10 * (second - 10))
  assert running.examples_per_second() == 80


def test_looks_that_are_far_apart_still_give_a_rate():
  running = tally.Tally(DOWNPOUR, batch_size=1)
  for second in (0, 100, 200):
    running.add_progress(second, 3 * second)
  assert running.examples_per_second() == 3
