"""Samples of where replicas are, on disk and as scalars."""

import numpy as np
import pytest

from distbelief.telemetry import swarm


def sample(replica, time, parameters, server=0.0, gradient=None):
  """(marks, sketches) of one sample; its points lie on the first axes."""
  sketches = np.zeros([1, 3, swarm.DIMENSION], np.float32)
  sketches[0, 0, : len(parameters)] = parameters
  sketches[0, 1] = server
  sketches[0, 2, : len(gradient or [1])] = gradient or [1]
  return np.array([[time, replica, 0, 7]], np.float64), sketches


def test_samples_come_back_in_the_order_of_time(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  writer.add(*sample(1, 20.0, [1, 2]))
  writer.add(*sample(0, 10.0, [3]))
  found = swarm.read(tmp_path)  # Without close: a run is watched while it lasts.
  assert found['replica'].tolist() == [0, 1]
  assert found['step'].tolist() == [7, 7]
  assert found['parameters'][:, 0].tolist() == [3, 1]
  writer.add(np.zeros([0, 4]), np.zeros([0, 3, swarm.DIMENSION]))
  assert len(swarm.read(tmp_path)) == 2


def test_a_launch_goes_on_after_one_that_was_killed(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  for time in (1.0, 2.0):
    writer.add(*sample(0, time, [1]))
  writer.close()
  path = tmp_path / 'swarm.bin'
  path.write_bytes(path.read_bytes()[:-5])
  assert len(swarm.read(tmp_path)) == 1
  again = swarm.SwarmWriter(tmp_path)
  again.add(*sample(0, 3.0, [1]))
  assert swarm.read(tmp_path)['time'].tolist() == [1, 3]


def test_no_file_is_no_samples(tmp_path):
  assert len(swarm.read(tmp_path)) == 0


def test_scalars_tell_how_far_apart_the_replicas_are(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  assert writer.scalars() == {}
  writer.add(*sample(0, 1.0, [3, 4], gradient=[1, 0]))
  assert writer.scalars() == {'swarm/distance_replica_0': 5}
  assert writer.scalars() == {}  # No news.
  writer.add(*sample(2, 2.0, [0, 0], gradient=[1, 1]))
  found = writer.scalars()
  assert found['swarm/distance_replica_2'] == 0
  assert found['swarm/pairwise_distance'] == 5
  assert found['swarm/gradient_cosine'] == pytest.approx(np.sqrt(0.5))


def test_replicas_sampled_at_other_times_are_compared_beside_the_server(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  ahead = np.full([swarm.DIMENSION], 100.0)
  writer.add(*sample(0, 1.0, [1.0]))
  writer.add(*sample(1, 60.0, ahead + np.eye(swarm.DIMENSION)[0], server=100.0))
  assert writer.scalars()['swarm/pairwise_distance'] == pytest.approx(0)


def test_a_gradient_that_is_not_finite_has_no_cosine(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  writer.add(*sample(0, 1.0, [1], gradient=[np.nan]))
  writer.add(*sample(1, 1.0, [1], gradient=[1]))
  assert 'swarm/gradient_cosine' not in writer.scalars()


def test_means_are_over_all_pairs():
  points = np.array([[0.0, 0], [3, 4], [0, 8]])
  assert swarm.pairwise_distance(points) == pytest.approx((5 + 8 + 5) / 3)
  vectors = np.array([[2.0, 0], [0, 5], [1, 0]])
  assert swarm.mean_cosine(vectors) == pytest.approx(1 / 3)
  assert np.isnan(swarm.mean_cosine(np.array([[0.0], [1.0]])))


def test_what_has_diverged_is_nowhere(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  writer.add(*sample(0, 1.0, [1]))
  writer.add(*sample(0, 2.0, [np.nan]))
  writer.add(*sample(0, 3.0, [1], server=np.inf))
  assert swarm.read(tmp_path)['time'].tolist() == [1]


def test_as_samples_become_many_they_become_rarer(tmp_path, monkeypatch):
  monkeypatch.setattr(swarm, '_MANY', 10)
  writer = swarm.SwarmWriter(tmp_path, seconds=1.0)
  for time in np.arange(0.0, 2000.0, 0.5):
    writer.add(*sample(0, time, [1]))
  found = swarm.read(tmp_path)['time']
  assert found[:10].tolist() == list(range(10))
  assert 60 < len(found) < 100
  assert found[len(found) // 2 :].max() > 900 and np.diff(found)[-1] > 50


def test_what_came_after_a_checkpoint_is_forgotten(tmp_path):
  writer = swarm.SwarmWriter(tmp_path)
  for time, replica in ((1.0, 0), (2.0, 1), (3.0, 5)):
    writer.add(*sample(replica, time, [1]))  # All at step 7.
  swarm.forget_after(tmp_path, np.array([7, 6]))
  assert swarm.read(tmp_path)['replica'].tolist() == [0]
  swarm.SwarmWriter(tmp_path).add(*sample(1, 4.0, [1]))
  assert swarm.read(tmp_path)['replica'].tolist() == [0, 1]
