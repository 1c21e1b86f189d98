"""Waits at the barrier, from what each replica tells by its own clock."""

import numpy as np

from distbelief.analysis import summary
from distbelief.telemetry import barrier, records, steps
from distbelief.telemetry.steps import COLUMN, LOG_COLUMN
from tests.telemetry import made_up

COMPUTING, REDUCING = (1.0, 1.0, 4.0), 0.25  # Of the latter, the update takes:
UPDATING = 0.125


def told(clocks=(0.0, 0.0, 0.0), updates=3):
  """Steps of replicas that compute so long and then wait for the slowest."""
  took = max(COMPUTING) + REDUCING
  return np.array(
    [
      [
        [
          *steps.marks(
            {
              'version_applied': update + 1,
              'status': made_up.APPLIED,
              'staleness': 0,
              'applied_at': clock + (update + 1) * took - UPDATING,
              'update_end': clock + (update + 1) * took,
            }
          ),
          *made_up.row(
            update,
            [update],
            replica=replica,
            incarnation=7,
            fetch_start=np.nan,
            fetch_end=np.nan,
            wait_start=np.nan,
            wait_end=np.nan,
            compute_start=clock + update * took,
            compute_end=clock + update * took + computing,
          ),
        ]
        for update in range(updates)
      ]
      for replica, (computing, clock) in enumerate(zip(COMPUTING, clocks))
    ]
  )


def recorded(path, log, travelled):
  recorder = records.Recorder(path / 'steps' / '000.bin', 1, len(COMPUTING), [4])
  recorder.add_log(0, log)
  for key, pushes in travelled.items():
    recorder.add_window(key, pushes, log[:0, len(LOG_COLUMN) :])
  return records.read(path)


def test_the_fast_wait_for_the_slowest_and_it_for_nobody(tmp_path):
  found = recorded(tmp_path, *barrier.to_log(told()))
  waited = found['wait_end'] - found['wait_start']
  sent = found['push_end'] - found['push_start']
  for replica, computing in enumerate(COMPUTING):
    own = found['replica'] == replica
    np.testing.assert_allclose(waited[own], max(COMPUTING) - computing)
    np.testing.assert_allclose(sent[own], REDUCING)
  table = summary.replica_table(found, 3, overlap=False, warmstart_steps=0)
  share = 1 / (max(COMPUTING) + REDUCING)
  np.testing.assert_allclose(
    [row['computing'] for row in table], [share, share, 4 * share]
  )
  np.testing.assert_allclose([row['waiting'] for row in table], [3 * share, 3 * share, 0])
  assert {row['steps'] for row in table} == {3}


def test_clocks_need_not_agree():
  log, travelled = barrier.to_log(told())
  skewed, skewed_travelled = barrier.to_log(told(clocks=(0.0, 50.0, -30.0)))
  np.testing.assert_allclose(skewed, log)
  for key, pushes in travelled.items():
    np.testing.assert_allclose(skewed_travelled[key], pushes)


def test_the_log_has_update_after_update():
  log, _ = barrier.to_log(told())
  assert log[:, LOG_COLUMN['version_applied']].tolist() == [1] * 3 + [2] * 3 + [3] * 3
  assert log[:, len(LOG_COLUMN) + COLUMN['replica']].tolist() == [0, 1, 2] * 3


def test_a_window_without_steps_tells_nothing():
  log, travelled = barrier.to_log(told()[:, :0])
  assert len(log) == 0 and travelled == {}
