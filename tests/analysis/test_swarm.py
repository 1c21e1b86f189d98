"""The plane of the swarm, on tracks that are known."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from distbelief.analysis import swarm
from distbelief.telemetry import swarm as samples_lib
from distbelief.telemetry.sketch import Sketch

P = 5000


def spiral(count=12, seed=0):
  """Points [count, P] on a spiral in a plane of a random direction."""
  rng = np.random.default_rng(seed)
  axes, _ = np.linalg.qr(rng.normal(size=[P, 2]))
  turn = np.linspace(0, 1.5 * np.pi, count)
  flat = np.stack([3 * np.cos(turn), np.sin(turn)], axis=1) * (10 - turn)[:, np.newaxis]
  return (flat @ axes.T + rng.normal(size=P)).astype(np.float32), flat


def sampled(points, sketch):
  """A sample per point, of a replica that is where the server is."""
  made = np.zeros([len(points)], samples_lib._DTYPE)
  made['time'] = np.arange(len(points))
  sketches = np.stack([sketch.part(tf.constant(p), 0).numpy() for p in points])
  made['parameters'] = made['server'] = sketches
  return made, sketches.astype(np.float64)


@pytest.fixture
def tracks():
  points, flat = spiral()
  samples, sketches = sampled(points, Sketch(P, 1))
  return points, flat, samples, sketches


def distances(points):
  return np.linalg.norm(points[:, np.newaxis] - points[np.newaxis], axis=-1)


def test_the_plane_of_snapshots_shows_distances_as_they_are(tracks):
  points, flat, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  seen = plane.coordinates(sketches)
  # Sketches are good to a few percent.
  far = distances(flat)
  assert np.abs(distances(seen) - far).max() < 0.15 * far.max()
  assert plane.share == pytest.approx(1, abs=0.1)


def test_its_directions_are_orthonormal_combinations_of_snapshots(tracks):
  points, flat, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  directions = plane.coefficients @ points.astype(np.float64)
  np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-3)
  # Snapshots themselves are then where the tracks are drawn, exactly but for sketches.
  exact = (points - points[-1]) @ directions.T
  assert np.abs(distances(exact) - distances(flat)).max() < 1e-2


def test_the_loss_is_that_of_the_whole_vectors(tracks):
  points, _, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  best = points[-1] + 0.0

  def loss(values):
    return float(np.sum((values - best) ** 2))

  found = swarm.surface(plane, samples, points, loss, seconds=60)
  assert found.loss.shape == (25, 25)
  x, y = np.meshgrid(found.x, found.y)
  np.testing.assert_allclose(found.loss, x**2 + y**2, rtol=0.02, atol=0.5)
  seen = plane.coordinates(sketches)
  assert found.x[0] < seen[:, 0].min() and found.x[-1] > seen[:, 0].max()
  assert found.y[0] < seen[:, 1].min() and found.y[-1] > seen[:, 1].max()


def test_a_loss_that_takes_too_long_is_left_out(tracks):
  points, _, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  assert swarm.surface(plane, samples, points, lambda values: 1.0, seconds=0.0) is None


def test_a_surface_is_given_up_when_it_must_stop_or_becomes_slow(tracks, monkeypatch):
  points, _, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  given = plane, samples, points, lambda values: 1.0
  assert swarm.surface(*given, seconds=1.0, is_stopped=lambda: True) is None
  hours = itertools.chain([0.0, 0.001, 0.001], itertools.repeat(6.0))
  monkeypatch.setattr(swarm.time, 'monotonic', lambda: next(hours))
  assert swarm.surface(*given, seconds=1.0) is None


def test_fewer_than_three_snapshots_or_a_line_span_no_plane(tracks):
  points, _, samples, sketches = tracks
  assert swarm.plane_of_snapshots(samples, points[:2], sketches[:2]) is None
  line = np.stack([points[0] * factor for factor in (1.0, 2.0, 3.0)])
  made, on_line = sampled(line, Sketch(P, 1))
  assert swarm.plane_of_snapshots(made, line, on_line) is None


def test_without_snapshots_the_tracks_span_their_own_plane(tracks):
  _, flat, samples, sketches = tracks
  plane = swarm.plane_of_tracks(samples)
  seen = plane.coordinates(sketches)
  assert np.abs(distances(seen) - distances(flat)).max() < 0.15 * distances(flat).max()
  assert plane.share == pytest.approx(1, abs=1e-3)
  assert swarm.plane_of_tracks(samples[:1]) is None
  still = samples.copy()
  still['parameters'] = still['server'] = 1.0
  assert swarm.plane_of_tracks(still) is None


def test_what_is_saved_comes_back(tmp_path, tracks):
  points, _, samples, sketches = tracks
  plane = swarm.plane_of_snapshots(samples, points, sketches)
  assert swarm.load(tmp_path) is None
  swarm.save(tmp_path, plane, None)
  again, surface = swarm.load(tmp_path)
  assert surface is None and again.share == plane.share
  np.testing.assert_array_equal(again.directions, plane.directions)
  found = swarm.surface(plane, samples, points, lambda values: 1.0, seconds=1.0)
  swarm.save(tmp_path, plane, found)
  np.testing.assert_array_equal(swarm.load(tmp_path)[1].loss, found.loss)
  (tmp_path / 'swarm.npz').write_bytes(b'torn')
  assert swarm.load(tmp_path) is None


def test_a_huge_model_or_a_long_run_does_no_harm():
  """Products are of differences, in float64."""
  points, _ = spiral()
  samples, sketches = sampled(points, Sketch(P, 1))
  huge = points * np.float32(1e19)
  assert swarm.plane_of_snapshots(samples, huge, sketches * 1e19) is not None
  many = np.concatenate([samples] * 1000)
  assert len(swarm.thinned(many)) <= 3000
  assert len(swarm.thinned(samples[:0])) == 0
