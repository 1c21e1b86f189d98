"""Runs of other people's models, replayed to the last bit."""

import json
import os
import shutil

import pytest

from distbelief.replay.replay import Replay
from distbelief.replay.schedules import OtherValueError
from distbelief.telemetry import numerics, records
from tests.simulation import simulated

SHORT = {
  'num_steps': 60,
  'data.batch_size': 16,
  'cluster.num_parameter_servers': 2,
  'server.learning_rate': 0.01,
}
WORDS = {'data.name': 'tests.wild.data:sentences'}
IMAGES = {'data.name': 'tests.wild.data:images'}


def own(model, **fields):
  return SHORT | {'model.name': f'tests.wild.{model}'} | fields


def difference(workdir):
  replay = Replay(workdir)
  return replay.difference(replay.at()).parameters


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
@pytest.mark.parametrize(
  ('model', 'data'), [('images:convnet', IMAGES), ('sequences:transformer', WORDS)]
)
def test_simulated_time(tmp_path, algorithm, model, data):
  fields = own(model, **data, algorithm=algorithm)
  simulated.train(tmp_path / 'run', **fields | {'cluster.num_replicas': 3})
  assert difference(tmp_path / 'run') == 0.0


@pytest.mark.parametrize('shuffle_buffer', [0, 50])
def test_augmentation_by_seeded_operations(tmp_path, shuffle_buffer):
  """The same noise each time that an example is read, and so in a replay."""
  fields = own('images:convnet') | {
    'model.name': 'tests.users:network',
    'data.name': 'tests.users:augmented',
    'data.shuffle_buffer': shuffle_buffer,
    'cluster.num_replicas': 3,
    'num_steps': 120,  # More than an epoch.
  }
  simulated.train(tmp_path / 'run', **fields)
  assert difference(tmp_path / 'run') == 0.0


@pytest.fixture(scope='module')
def simulated_run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('exact') / 'run'
  simulated.train(
    workdir, **own('images:convnet', **IMAGES) | {'cluster.num_replicas': 3}
  )
  return workdir


@pytest.fixture
def run(simulated_run, tmp_path):
  shutil.copytree(simulated_run, tmp_path / 'run')
  return tmp_path / 'run'


def rewrite(run, **changed):
  path = run / 'steps' / '000.json'
  found = json.loads(path.read_text())
  found['of'][0]['numerics'] |= changed
  path.write_text(json.dumps(found))


def test_other_threads_are_those_of_another_process(run, monkeypatch):
  """The run was made with two; one thread rounds otherwise, and is really used."""
  rewrite(run, threads=1, settings={'OMP_NUM_THREADS': '1'})
  monkeypatch.setenv('OMP_NUM_THREADS', '2')
  replay = Replay(run)
  assert replay.at().versions[0] == replay.num_updates
  (own_numerics,) = numerics.of_launch(run, 0)
  assert own_numerics.environment['TF_NUM_INTRAOP_THREADS'] == '1'
  assert os.environ['OMP_NUM_THREADS'] == '2'


def spoil(run):
  (path,) = records.files(run)
  mapped = records.open_file(path, 'r+')
  mapped['loss'][7] += 0.5
  mapped.flush()


def test_a_misfit_names_what_is_known_to_differ(run):
  spoil(run)
  rewrite(run, processor='A Processor', packages={'tensorflow': '1.0'})
  with pytest.raises(OtherValueError) as caught:
    Replay(run).at()
  told = str(caught.value)
  assert 'step' in told and '\n' not in told
  assert 'perhaps it was made with A Processor against ' in told
  assert 'tensorflow 1.0 against 2.' in told
  assert told.endswith(' here, or its records, data or code were changed')


def test_a_misfit_of_the_same_machine_claims_no_more_than_it_knows(run):
  spoil(run)
  with pytest.raises(OtherValueError) as caught:
    Replay(run).at()
  assert str(caught.value).endswith(': perhaps its records, data or code were changed')


def test_a_misfit_of_a_run_without_numerics_says_so(run):
  spoil(run)
  (run / 'steps' / '000.json').unlink()
  with pytest.raises(OtherValueError, match='has not recorded what its rounding'):
    Replay(run).at()


def test_a_misfit_in_another_process_is_told_here(run):
  spoil(run)
  rewrite(run, threads=1)
  with pytest.raises(OtherValueError, match='its loss is'):
    Replay(run).at()
