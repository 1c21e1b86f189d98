"""How far replicas are from the server, over time."""

import numpy as np
import pytest

from distbelief.analysis import spread
from distbelief.telemetry.swarm import DIMENSION, SwarmWriter, read


@pytest.fixture
def samples(tmp_path):
  """Two replicas, 1 and 3 away at first, 2 and 4 later; the server goes from 0 to 10."""
  writer = SwarmWriter(tmp_path)
  for now, replica, server, away in (
    (1.0, 0, 0.0, 1.0),
    (2.0, 1, 0.0, 3.0),
    (9.0, 0, 10.0, 2.0),
    (10.0, 1, 10.0, 4.0),
  ):
    sketches = np.zeros([1, 3, DIMENSION], np.float32)
    sketches[0, :2, 0] = server + away, server
    writer.add(np.array([[now, replica, 0, 0]]), sketches)
  writer.close()
  return read(tmp_path)


def test_the_mean_distance_in_each_part_of_the_time(samples):
  times, away = spread.over_time(samples, 2)
  np.testing.assert_allclose(times, [2.5, 7.5])
  np.testing.assert_allclose(away, [2.0, 3.0])


def test_parts_without_a_sample_are_left_out(samples):
  times, away = spread.over_time(samples, 5)
  np.testing.assert_allclose(times, [1.0, 9.0])
  np.testing.assert_allclose(away, [2.0, 3.0])


def test_it_is_measured_by_the_way_of_the_server(samples):
  assert spread.relative(samples) == pytest.approx(2.5 / 10)
  assert np.isnan(spread.relative(samples[:2]))  # It has not moved.
  assert np.isnan(spread.relative(samples[:0]))
  assert not len(spread.over_time(samples[:0], 3)[0])
