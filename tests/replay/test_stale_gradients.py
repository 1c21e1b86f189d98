"""Stale gradients against fresh ones: recomputed from a run, and by NumPy."""

import numpy as np
import pytest

from distbelief import errors
from distbelief.replay import stale_gradients
from distbelief.replay.replay import Replay
from distbelief.telemetry import records
from tests import runs, slow_truth
from tests.cluster import test_slow_truth
from tests.simulation import simulated

FIELDS = {
  'cluster.num_replicas': 5,
  'cluster.num_parameter_servers': 2,
  'cluster.step_distribution': 'constant',
  'server.optimizer': 'sgd',
  'server.learning_rate': 0.5,
}
UPDATES, COUNT = (3, 60), 4


def test_a_run_is_compared_as_numpy_does(tmp_path):
  """Interrupted as well: versions count on."""
  workdir = tmp_path / 'run'
  simulated.train(workdir, **FIELDS, num_steps=40)
  simulated.train(workdir, **FIELDS, num_steps=90)
  found = np.sort(records.read(workdir), order='version_applied')
  truth = test_slow_truth.truth_of(workdir, 5, 2)
  truth.replay(found)
  minibatch = runs.minibatches_of(runs.config_of(workdir), 5)

  def gradients(version, update):
    params = truth.shaped(truth.fetched([version, version]))
    parts = [
      slow_truth.gradient(params, *minibatch(push['replica'], push['step']))
      for push in found[update : update + COUNT]
    ]
    return [np.concatenate([part.ravel() for part in own]) for own in parts]

  for own in stale_gradients.measure(workdir, UPDATES, COUNT):
    assert own.staleness == {3: 3, 60: 4}[own.update]
    stale, fresh = (gradients(own.update - s, own.update) for s in (own.staleness, 0))
    cosines = [
      a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(stale, fresh, strict=True)
    ]
    assert own.cosine == pytest.approx(np.mean(cosines), rel=1e-4)
    assert own.cosine < 0.999
    for variance, vectors in (
      (own.stale_variance, stale),
      (own.fresh_variance, fresh),
    ):
      middle = sum(vectors) / COUNT
      squares = sum(((vector - middle) ** 2).sum() for vector in vectors)
      assert variance == pytest.approx(squares / (COUNT - 1), rel=1e-3)


def test_what_the_run_has_not_is_refused(tmp_path):
  workdir = tmp_path / 'run'
  simulated.train(workdir, **FIELDS, num_steps=20)
  with pytest.raises(errors.UserError, match='is followed by 2 pushes, not by 4'):
    stale_gradients.measure(workdir, [18], COUNT)
  with pytest.raises(errors.UserError, match=r'version \(21\) .* choose 0 to 20'):
    Replay(workdir).weights([20, 21])


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
def test_weights_at_some_versions_are_those_at_these_updates(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  simulated.train(workdir, algorithm=algorithm, num_steps=40)
  replay = Replay(workdir)
  for version, weights in replay.weights([0, 4, 10]).items():
    if algorithm == 'synchronous' or version == 0:
      expected = replay.at(version).params
      for one, other in zip(weights.params, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    else:  # At one moment the shards' versions differ.
      assert [param.shape for param in weights.params]


def test_equal_gradients_agree():
  vectors = np.random.default_rng(0).normal(size=(3, 7))
  same = stale_gradients.compare(9, 0, vectors, vectors)
  assert same.cosine == pytest.approx(1) and same.stale_variance == same.fresh_variance
  twice = stale_gradients.compare(9, 2, -2 * vectors, vectors)
  assert twice.cosine == pytest.approx(-1)
  assert twice.stale_variance == pytest.approx(4 * twice.fresh_variance)
  still = stale_gradients.compare(9, 2, 0 * vectors, vectors)
  assert still.as_json()['cosine'] is None and still.as_json()['staleness'] == 2
