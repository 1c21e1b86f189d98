"""Snapshots stay few, and evenly spread."""

import numpy as np
import pytest

from distbelief.telemetry import snapshots


def test_vectors_come_back_as_they_were_given(tmp_path):
  kept = snapshots.Snapshots(tmp_path, 5)
  kept.offer(20, [np.array([[1, 2], [3, 4]]), np.array(5)])
  kept.offer(100, [np.zeros([2, 2]), np.array(0)])
  steps, vectors = snapshots.read(tmp_path)
  assert steps.tolist() == [20, 100]
  assert vectors.tolist() == [[1, 2, 3, 4, 5], [0] * 5]
  assert vectors.dtype == np.float32


@pytest.mark.parametrize('size', [1, 2**27])  # The latter would fill half a gigabyte.
def test_as_the_run_goes_on_they_stay_few_and_even(tmp_path, size):
  kept = snapshots.Snapshots(tmp_path, size)
  most = 16 if size == 1 else 3
  for index in range(1, 201):
    kept.offer(10 * index, [np.zeros([1])])
    assert len(snapshots.files(tmp_path)) <= most
  steps, _ = snapshots.read(tmp_path)
  assert steps[0] == 10 and steps[-1] > 1500
  gaps = np.diff(steps)
  assert gaps[:-1].max() <= 2.1 * gaps[:-1].min()  # The last one is only beginning.


def test_what_came_after_a_checkpoint_is_forgotten(tmp_path):
  kept = snapshots.Snapshots(tmp_path, 1)
  for steps in (10, 20, 30):
    kept.offer(steps, [np.zeros([1])])
  snapshots.forget_after(tmp_path, 20)
  again = snapshots.Snapshots(tmp_path, 1)
  again.offer(25, [np.zeros([1])])
  assert snapshots.read(tmp_path)[0].tolist() == [10, 20, 25]


def test_no_snapshots_are_none(tmp_path):
  steps, vectors = snapshots.read(tmp_path)
  assert len(steps) == len(vectors) == 0
