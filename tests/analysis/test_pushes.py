"""Pushes and their staleness, worked out by hand."""

import csv

import numpy as np

from distbelief.analysis import pushes
from tests.telemetry.made_up import APPLIED, DROPPED, LOST, records


def step(step, held, applied, replica=0, sequence=None, pushed=1, gradients=1, **more):
  return {
    'step': step,
    'replica': replica,
    'sequence': step if sequence is None else sequence,
    'pushed': pushed,
    'gradients': gradients,
    'version_held': held,
    'version_applied': applied,
    **more,
  }


def test_staleness_where_every_step_pushes():
  made = records(
    step(0, held=0, applied=1),
    step(0, held=0, applied=2, replica=1),  # 1 came between.
    step(1, held=1, applied=3),  # 2 came between.
    step(2, held=3, applied=4),
    step(1, held=2, applied=5, replica=1),  # 3 and 4 came between.
  )
  derived = pushes.derive(made)
  assert derived['version_applied'].tolist() == [[1], [2], [3], [4], [5]]
  assert derived['staleness'].tolist() == [[0], [1], [1], [0], [2]]
  assert pushes.staleness(derived).tolist() == [0, 1, 1, 0, 2]


def test_staleness_of_two_gradients_is_the_older_ones():
  made = records(
    step(0, held=0, applied=1),
    step(1, held=1, applied=4, sequence=1, pushed=0, gradients=0),
    step(2, held=3, applied=4, sequence=1, gradients=2, push_start=7.0, push_end=8.0),
  )
  derived = pushes.derive(made)
  assert derived['staleness'].tolist() == [[0], [2]]  # 4 - 1 - 1.
  assert derived['gradients'].tolist() == [1, 2]
  assert derived['first_step'].tolist() == [0, 1]
  assert derived['last_step'].tolist() == [0, 2]
  assert (derived['push_start'][1], derived['push_end'][1]) == (7, 8)


def test_staleness_is_per_shard():
  made = records(
    step(0, held=[0, 0], applied=[1, 2]),
    step(0, held=[0, 0], applied=[2, 1], replica=1),
    step(1, held=[1, 2], applied=[3, 3]),
    num_shards=2,
  )
  assert pushes.derive(made)['staleness'].tolist() == [[0, 1], [1, 0], [1, 0]]


def test_the_order_of_records_does_not_matter():
  made = records(
    *(step(s, held=s, applied=s + 1) for s in range(6)),
    *(step(s, held=s, applied=s + 7, replica=1) for s in range(6)),
  )
  shuffled = made[np.random.default_rng(0).permutation(len(made))]
  assert pushes.derive(made).tobytes() == pushes.derive(shuffled).tobytes()


def test_only_what_was_applied_is_stale():
  made = records(
    step(0, held=[0, 0], applied=[1, -1], status=[APPLIED, LOST]),
    step(1, held=[0, 0], applied=[1, 1], status=[DROPPED, DROPPED]),
    num_shards=2,
  )
  derived = pushes.derive(made)
  assert derived['staleness'].tolist() == [[0, -1], [-1, -1]]
  assert pushes.staleness(derived).tolist() == [0]


def test_steps_that_were_never_pushed_are_no_push():
  made = records(
    step(0, held=0, applied=1),
    step(1, held=1, applied=-1, pushed=0, status=LOST),
  )
  assert pushes.derive(made)['last_step'].tolist() == [0]


def test_the_warm_start_is_marked_and_left_out():
  made = records(
    step(0, held=0, applied=1),
    step(1, held=0, applied=2),
    step(2, held=0, applied=3),
    step(0, held=0, applied=4, replica=1),  # Not of replica 0.
  )
  derived = pushes.derive(made, warmstart_steps=2)
  assert derived['warm'].tolist() == [True, True, False, False]
  assert pushes.staleness(derived).tolist() == [2, 3]


def test_no_steps_no_pushes():
  assert len(pushes.derive(records())) == 0
  assert len(pushes.staleness(pushes.derive(records()))) == 0


def test_csv_has_a_row_per_push_and_a_column_per_shard(tmp_path):
  made = records(
    step(0, held=[0, 0], applied=[1, 2], push_start=1.25, push_end=2.5),
    step(1, held=[1, 1], applied=[2, -1], status=[APPLIED, LOST]),
    num_shards=2,
  )
  pushes.write_csv(pushes.derive(made), tmp_path / 'pushes.csv')
  with (tmp_path / 'pushes.csv').open(newline='') as file:
    first, second = csv.DictReader(file)
  assert first == {
    'replica': '0',
    'incarnation': '0',
    'sequence': '0',
    'first_step': '0',
    'last_step': '0',
    'gradients': '1',
    'warm': 'False',
    'push_start': '1.25',
    'push_end': '2.5',
    'version_applied_0': '1',
    'version_applied_1': '2',
    'staleness_0': '0',
    'staleness_1': '1',
    'status_0': 'applied',
    'status_1': 'applied',
  }
  assert (second['staleness_0'], second['staleness_1']) == ('0', '-1')
  assert (second['status_0'], second['status_1']) == ('applied', 'lost')
