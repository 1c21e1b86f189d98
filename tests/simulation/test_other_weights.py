"""Weights that an update does more to, or less: constraints, and values set by a step."""

import keras
import numpy as np
import pytest

from distbelief import errors
from distbelief.problem import preflight
from distbelief.replay.replay import Replay
from tests import runs, users
from tests.simulation import simulated

OWN = {
  'data.name': 'tests.users:examples',
  'cluster.num_replicas': 3,
  'num_steps': 240,
  'data.batch_size': 16,
}
ALGORITHMS = ('downpour', 'synchronous', 'sgd')


def trained(workdir, model, **fields):
  simulated.train(workdir, **OWN | {'model.name': f'tests.wild.tables:{model}'} | fields)
  return keras.models.load_model(workdir / 'model.keras')


def assert_replays(workdir):
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters == 0.0


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_no_weight_is_negative_though_shards_cut_the_layer(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  fields = {'algorithm': algorithm, 'cluster.num_parameter_servers': 3}
  model = trained(workdir, 'not_negative', **fields)
  kernel = model.trainable_variables[0].numpy()
  assert kernel.min() == 0.0 and (kernel > 0).mean() > 0.2
  assert model.trainable_variables[2].numpy().min() < 0
  assert_replays(workdir)


def test_constraints_in_the_slow_truth(tmp_path):
  workdir, size = tmp_path / 'run', 20 * 12
  trained(workdir, 'not_negative', **{'cluster.num_parameter_servers': 2})

  def allowed(start, values):
    constrained = start + np.arange(len(values)) < size
    return np.where(constrained, np.maximum(values, 0), values)

  found = runs.checkpointed(workdir)
  truth = simulated.truth_of(workdir, allowed=allowed)
  assert runs.relative_error(found, truth) < 1e-5
  assert runs.relative_error(found, simulated.truth_of(workdir)) > 1e-2


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_columns_keep_their_norms(tmp_path, algorithm):
  fields = {'algorithm': algorithm, 'cluster.num_parameter_servers': 1}
  model = trained(tmp_path / 'run', 'bounded_columns', **fields)
  bounded, _, unit, _ = (variable.numpy() for variable in model.trainable_variables)
  norms = np.linalg.norm(bounded, axis=0)
  assert norms.max() == pytest.approx(0.5, rel=1e-5)
  np.testing.assert_allclose(np.linalg.norm(unit, axis=0), 1, rtol=1e-5)
  assert_replays(tmp_path / 'run')


def test_a_constraint_that_needs_what_is_cut_is_refused():
  fields = OWN | {'model.name': 'tests.wild.tables:bounded_columns'}
  config = simulated.config_of(**fields | {'cluster.num_parameter_servers': 2})
  with pytest.raises(errors.ConfigError) as caught:
    preflight.run(config)
  line = str(caught.value)
  assert line.startswith('config.cluster.num_parameter_servers (2) cuts dense')
  assert 'its constraint MaxNorm needs whole: set it to 1' in line


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_what_a_step_sets_is_set_and_not_trained(tmp_path, algorithm):
  """The largest inputs of earlier steps, for float8; Adagrad would have made them 0.8."""
  workdir = tmp_path / 'run'
  model = trained(workdir, 'float8', algorithm=algorithm)
  history = next(v for v in model.variables if 'inputs_amax_history' in v.path).numpy()
  seen = history[history != 0]
  # A stale push sets what another one has set before.
  steps = {'downpour': 240 // 3, 'synchronous': 240 // 3, 'sgd': 240}[algorithm]
  assert len(seen) >= steps
  assert seen.min() > 8 and seen.max() < 40
  held_out = next(iter(users.examples('holdout', 0).batch(500)))
  found = model.evaluate(*held_out, verbose=0, return_dict=True)
  assert found['accuracy'] > 0.5
  assert_replays(workdir)
