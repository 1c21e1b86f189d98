"""What summary.json says, worked out by hand from records that are made up."""

import json
import os

import numpy as np
import pytest

from distbelief import config as config_lib
from distbelief.analysis import pushes, summary
from distbelief.telemetry import metrics, steps
from tests.telemetry.made_up import APPLIED, DROPPED, LOST, UNDONE, records


def timed(step, start, replica=0, fetch=1.0, compute=2.0, push=1.0, **more):
  """A step that waits 0.5, then fetches, computes and pushes, one after the other."""
  times = np.cumsum([start + 0.5, fetch, compute, push])
  return {
    'step': step,
    'replica': replica,
    'wait_start': start,
    'wait_end': times[0],
    'fetch_start': times[0],
    'fetch_end': times[1],
    'compute_start': times[1],
    'compute_end': times[2],
    'push_start': times[2],
    'push_end': times[3],
    **more,
  }


def by_name(row):
  names = ('computing', 'fetching', 'pushing', 'waiting')
  return [row[name] for name in names]


def test_fractions_of_the_blocking_cycle_add_up_to_1():
  # From 100.5 (the first wait's end) to 110.5 (the last push's).
  made = records(
    timed(0, 100),
    timed(1, 106),
    timed(0, 101, replica=1, compute=8, push=0.0),
  )
  first, second = summary.replica_table(made, 2, overlap=False, warmstart_steps=0)
  np.testing.assert_allclose(by_name(first), [0.4, 0.2, 0.2, 0.2])
  np.testing.assert_allclose(by_name(second), [0.8, 0.1, 0, 0.1])
  assert (first['replica'], first['steps']) == (0, 2)
  assert (second['replica'], second['steps']) == (1, 1)


def test_what_the_first_step_of_a_window_waits_is_no_waiting():
  made = records(timed(0, 100, opens_window=True), timed(1, 106), timed(2, 111))
  (row,) = summary.replica_table(made, 1, overlap=False, warmstart_steps=0)
  span = 115.5 - 100.5
  assert row['between_windows'] == pytest.approx(0.5 / span)
  taken = np.array([3 * 2, 3 * 1, 3 * 1]) / span
  expected = [*taken, 1 - taken.sum() - 0.5 / span]
  np.testing.assert_allclose(by_name(row), expected)
  assert sum(row[name] for name in row if name not in ('replica', 'steps')) == (
    pytest.approx(1)
  )


def test_with_overlap_fetching_and_pushing_take_no_time_of_their_own():
  made = records(timed(0, 100, fetch=1, compute=7, push=2))
  (row,) = summary.replica_table(made, 1, overlap=True, warmstart_steps=0)
  np.testing.assert_allclose(by_name(row), [0.7, 0.1, 0.2, 0.3])


def test_steps_without_a_fetch_or_push_have_none():
  nothing = dict.fromkeys(('fetch_start', 'fetch_end', 'push_start', 'push_end'), np.nan)
  made = records(
    timed(0, 100, fetch=0, compute=8), timed(1, 99.9, fetch=0, compute=2) | nothing
  )
  (row,) = summary.replica_table(made, 1, overlap=False, warmstart_steps=0)
  span = 109.5 - 100.4
  np.testing.assert_allclose(by_name(row)[:3], [10 / span, 0, 1 / span])


def test_time_counts_from_the_end_of_the_warm_start():
  made = records(
    timed(0, 0), timed(1, 50), timed(2, 100), timed(0, 106, replica=1, fetch=2)
  )
  first, second = summary.replica_table(made, 2, overlap=False, warmstart_steps=2)
  span = 111.5 - 100.5
  np.testing.assert_allclose(by_name(first)[:3], np.array([2, 1, 1]) / span)
  np.testing.assert_allclose(by_name(second)[:3], np.array([2, 2, 1]) / span)
  assert first['steps'] == 3  # The warm ones as well.


def test_a_replica_without_steps_only_waited():
  _, idle = summary.replica_table(records(timed(0, 100)), 2, False, 0)
  assert idle == {
    'replica': 1,
    'steps': 0,
    'computing': 0,
    'fetching': 0,
    'pushing': 0,
    'between_windows': 0,
    'waiting': 1,
  }


def test_a_run_that_was_all_warm_start_has_no_fractions():
  table = summary.replica_table(records(timed(0, 100)), 2, False, warmstart_steps=1)
  assert [row['steps'] for row in table] == [1, 0]
  assert [by_name(row) for row in table] == [[None] * 4] * 2
  json.dumps(table, allow_nan=False)


def test_lost_and_undone_steps_are_no_progress():
  made = records(
    timed(0, 100),
    timed(1, 101, status=DROPPED),
    timed(2, 102, status=LOST),
    timed(3, 103, status=UNDONE),
  )
  (row,) = summary.replica_table(made, 1, False, 0)
  assert row['steps'] == 2


def test_a_step_is_applied_only_if_every_shard_applied_it():
  statuses = [
    (APPLIED, APPLIED),
    (APPLIED, LOST),
    (LOST, LOST),
    (DROPPED, DROPPED),
    (APPLIED, UNDONE),
    (APPLIED, APPLIED),
  ]
  made = records(*({'status': pair} for pair in statuses), num_shards=2)
  assert summary.status_counts(made) == {
    'lost': 2,
    'applied': 2,
    'dropped': 1,
    'undone': 1,
  }


def test_shards_that_a_launch_did_not_have_lose_nothing():
  made = records(
    {'status': (APPLIED, LOST), 'version_held': (3, -1)},
    {'status': (UNDONE, LOST), 'version_held': (3, -1)},
    {'status': (LOST, LOST), 'version_held': (3, -1)},
    {'status': (APPLIED, APPLIED), 'version_held': (3, 0)},
    num_shards=2,
  )
  counts = summary.status_counts(made)
  assert counts == {'lost': 1, 'applied': 2, 'dropped': 0, 'undone': 1}


def test_staleness_over_all_pushes_and_shards():
  made = records(
    *(
      {'step': s, 'sequence': s, 'pushed': 1, 'version_applied': s + 1}
      for s in range(101)
    )
  )
  derived = pushes.derive(made)  # From version 0 on: 0, 1, 2, ... 100.
  expected = {'mean': 50, 'p50': 50, 'p95': 95, 'max': 100}
  assert summary.staleness(derived) == expected
  assert set(summary.staleness(derived[:0]).values()) == {None}


@pytest.mark.parametrize(
  ('target', 'seconds'), [(0.5, 2.0), (0.7, 3.0), (0.9, None), (None, None)]
)
def test_seconds_to_target_is_when_it_was_first_reached(target, seconds):
  evaluations = [
    metrics.Evaluation(second, 0, 0, 0, 0.0, 0.0, accuracy)
    for second, accuracy in ((1.0, 0.1), (2.0, 0.5), (3.0, 0.8), (4.0, 0.6))
  ]
  assert summary.seconds_to_target(evaluations, target) == seconds


def test_a_reader_sees_the_whole_summary_or_the_old_one(tmp_path, monkeypatch):
  path = tmp_path / 'summary.json'
  replace = os.replace
  seen = []

  def look_and_replace(source, target):
    seen.append(path.read_text() if path.exists() else None)
    replace(source, target)
    seen.append(path.read_text())

  monkeypatch.setattr(os, 'replace', look_and_replace)
  summary.write(path, {'steps': 1})
  summary.write(path, {'steps': 2})
  nothing, *rest = seen
  assert nothing is None
  assert [json.loads(text)['steps'] for text in rest] == [1, 1, 2]
  assert [p.name for p in tmp_path.iterdir()] == ['summary.json']


def test_headline():
  config = config_lib.default_config()
  config.data.batch_size = 64
  fields = {
    'clock': 'cluster',
    'steps': 1000,
    'seconds': 12.34,
    'examples_per_second': 5186.4,
    'startup_seconds': 3.21,
    'holdout_accuracy': 0.87654,
    'holdout_metrics': {'loss': 1.5, 'top5': 0.75},
    'staleness': {'mean': 2.987},
    'seconds_to_target': 7.0,
  }
  assert summary.headline(config, fields) == (
    '1000 steps of 64 examples in 12.3 s (5186 examples/s, start-up 3.2 s)\n'
    'hold-out accuracy 0.8765, loss 1.5000, top5 0.7500; mean staleness 2.99'
  )
  simulated = summary.headline(config, fields | {'clock': 'virtual'})
  assert ' in 12.3 simulated s (' in simulated
  config.target_accuracy = 0.8
  assert summary.headline(config, fields).endswith(
    'target accuracy 0.8 reached after 7.0 s'
  )
  fields |= {'seconds_to_target': None, 'staleness': {'mean': None}}
  text = summary.headline(config, fields)
  assert text.endswith('mean staleness -\ntarget accuracy 0.8 reached never')
  config.target_accuracy = None
  fields |= {'holdout_accuracy': None, 'holdout_metrics': {'loss': 0.25}}
  assert summary.headline(config, fields).endswith(
    'hold-out loss 0.2500; mean staleness -'
  )


def lossy(*losses):
  """Records of one replica's steps with these losses."""
  found = np.zeros([len(losses)], steps.record_dtype(1))
  found['loss'], found['compute_end'] = losses, np.arange(len(losses))
  return found


@pytest.mark.parametrize(
  ('loss', 'dropped', 'lines'),
  [
    (1.0, 0, []),
    (1.0, 3, ['3 of 100 steps had a gradient that was not finite: dropped']),
    (
      7.0,
      0,
      ['the run diverged: its hold-out loss is 7, and the training loss began at 2;'],
    ),
    (
      float('inf'),
      0,
      ['the run diverged: its hold-out loss is inf, and the training loss began'],
    ),
    (
      float('nan'),
      0,
      ['the run diverged: its hold-out loss is nan, and the training loss began'],
    ),
    (None, 0, []),
  ],
)
def test_what_went_wrong_is_said_in_the_last_lines(loss, dropped, lines):
  fields = {
    'steps': 100,
    'steps_by_status': {'dropped': dropped},
    'holdout_metrics': {'loss': loss},
  }
  found = summary.doubts(fields, lossy(2.0, *10 * [9.0]))
  assert len(found) == len(lines)
  assert all(one.startswith(line) for one, line in zip(found, lines))
  without_records = summary.doubts(fields, lossy())
  assert len(without_records) <= len(lines)


def test_a_model_that_learns_by_heart_has_not_diverged():
  fields = {
    'steps': 100,
    'steps_by_status': {'dropped': 0},
    'holdout_metrics': {'loss': 2.2},
  }
  assert summary.doubts(fields, lossy(0.7, 0.1, 0.01, 0.001)) == []
