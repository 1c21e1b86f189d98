"""Each kind of model trains as in plain Keras, replays and is saved, or is refused."""

import json
import os
import signal

import keras
import pytest

from distbelief import errors
from distbelief.problem import preflight
from distbelief.replay.replay import Replay
from tests import runs
from tests.simulation import simulated
from tests.wild import catalog, plain


def named(name):
  (kind,) = [kind for kind in catalog.TRAINED if str(kind) == name]
  return kind


def trained(kind, workdir):
  """The trained model as its user gets it."""
  if kind.left == catalog.LOADS:
    return keras.models.load_model(workdir / 'model.keras')
  model = plain.made(kind)
  whole = kind.left == catalog.NEEDS_FUNCTION
  model.load_weights(workdir / ('model.keras' if whole else 'model.weights.h5'))
  return model


def assert_explained(kind, workdir):
  """Every number of the run is found again, by a replay and by plain Keras."""
  replay = Replay(workdir)
  assert replay.difference(replay.at()).parameters == 0.0
  found = plain.score(kind, trained(kind, workdir))
  summary = json.loads((workdir / 'summary.json').read_text())
  for name, value in summary['holdout_metrics'].items():
    assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
  return found


@pytest.mark.parametrize(
  'kind',
  [
    pytest.param(kind, marks=[pytest.mark.slow] if kind.slow else [], id=str(kind))
    for kind in catalog.TRAINED
  ],
)
def test_it_trains_as_in_plain_keras(tmp_path, kind):
  workdir = tmp_path / 'run'
  simulated.train(workdir, **kind.fields)
  found = assert_explained(kind, workdir)
  before = plain.score(kind, plain.made(kind))['loss']
  other = plain.score(kind, plain.fit(kind, kind.steps))['loss']
  assert before - found['loss'] > 0.8 * (before - other) > 0, (before, other, found)


SYNCHRONOUS = {'algorithm': 'synchronous'}


@pytest.mark.cluster
@pytest.mark.parametrize(
  ('name', 'fields'),
  [
    ('convnet_of_one_hot', {}),
    ('transformer', {'cluster.num_replicas': 3, 'downpour.n_fetch': 2}),
    ('transformer_that_does_not_load', SYNCHRONOUS | {'cluster.num_replicas': 4}),
    ('bidirectional_dropout', {'algorithm': 'sgd', 'cluster.num_replicas': 1}),
    ('mixed_float16', {'downpour.n_push': 2}),
    ('structured', {'cluster.num_replicas': 4}),
    ('convnet', SYNCHRONOUS | {'cluster.num_replicas': 11, 'num_steps': 44}),
    ('variational_of_a_subclass', {}),
  ],
)
def test_on_a_cluster(tmp_path, name, fields):
  kind, workdir = named(name), tmp_path / 'run'
  runs.train(workdir, **kind.fields | {'num_steps': 60} | fields)
  assert_explained(kind, workdir)


@pytest.mark.cluster
def test_a_kill_and_a_resume_do_not_change_a_bit_of_what_is_explained(tmp_path):
  """Of convolutions and dropout, on other numbers of replicas in the end."""
  kind, workdir = named('convnet'), tmp_path / 'run'
  fields = kind.fields | {
    'num_steps': 300,
    'cluster.step_seconds': 0.03,
    'checkpoint_seconds': 1,
    'downpour.n_push': 2,
  }
  with runs.running(workdir, **fields) as launcher:
    runs.eventually(lambda: runs.num_records(workdir) > 20)
    os.kill(runs.tasks_of(launcher.pid)['replica-1'], signal.SIGKILL)
    at = runs.eventually(
      lambda: (
        list((workdir / 'checkpoints').glob('*.index')) and runs.num_records(workdir)
      )
    )
    runs.eventually(lambda: runs.num_records(workdir) > at + 10)
    os.kill(runs.tasks_of(launcher.pid)['chief'], signal.SIGKILL)
    runs.end_of(launcher, errors.LOST_PEER)
  with runs.running(workdir, **fields | {'cluster.num_replicas': 3}) as launcher:
    runs.end_of(launcher)
  assert json.loads((workdir / 'summary.json').read_text())['resumed_from'] > 0
  assert_explained(kind, workdir)


@pytest.mark.cluster
def test_a_synchronous_run_is_explained_after_a_resume(tmp_path):
  kind, workdir = named('convnet'), tmp_path / 'run'
  fields = kind.fields | SYNCHRONOUS
  runs.train(workdir, **fields | {'num_steps': 42})
  runs.train(workdir, **fields | {'num_steps': 84, 'cluster.num_replicas': 3})
  assert_explained(kind, workdir)


@pytest.mark.parametrize(
  ('kind', 'reason'), catalog.REFUSED, ids=lambda given: str(given).split()[0]
)
def test_it_is_refused_in_one_line(kind, reason):
  with pytest.raises(errors.ConfigError) as caught:
    preflight.run(simulated.config_of(**kind.fields))
  line = str(caught.value)
  assert line.startswith(f"config.model.name ('tests.wild.{kind.model}') ")
  assert reason in line and '\n' not in line
