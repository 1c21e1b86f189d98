"""scripts/evaluate.py: a saved model on hold-out data."""

import functools
import json
import subprocess
import sys

import keras
import pytest

from distbelief import errors
from distbelief.command_line import evaluate as program
from distbelief.models import objective
from distbelief.problem import preflight
from tests import made, runs, users, warm
from tests.simulation import simulated

CONFIG = f'--config={runs.ROOT / "configs" / "synthetic_speech.py"}'
OWN = '--config.data.name=tests.users:examples'


@pytest.fixture
def evaluate(call):
  """Calls the program; returns (status, stdout, stderr)."""
  return functools.partial(call, program.main)


@pytest.fixture
def saved(tmp_path):
  path = tmp_path / 'model.keras'
  users.network().save(path)
  return path


def test_the_score_is_keras_own(evaluate, saved):
  status, out, _ = evaluate(f'--model={saved}', CONFIG, OWN)
  batches = users.examples('holdout', 0).batch(100)
  loss, accuracy = keras.models.load_model(saved).evaluate(batches, verbose=0)
  assert status == errors.DONE
  assert out == (
    f'hold-out accuracy {accuracy:.4f}, loss {loss:.4f} (500 examples of '
    'tests.users:examples)\n'
  )


def test_it_is_a_script_and_says_nothing_else(tmp_path):
  path = tmp_path / 'model.keras'
  made.classifier((440,), (3,), 100, seed=0).save(path)
  result = subprocess.run(
    [sys.executable, 'scripts/evaluate.py', f'--model={path}', CONFIG],
    capture_output=True,
    text=True,
    timeout=runs.TIMEOUT,
    cwd=runs.ROOT,
  )
  assert result.returncode == 0 and result.stdout.startswith('hold-out accuracy 0.')
  assert result.stderr == ''


@pytest.mark.parametrize(
  ('words', 'text'),
  [
    ([CONFIG], '--model is missing: python scripts/evaluate.py'),
    (['--model=nowhere.keras', CONFIG], '--model (nowhere.keras) is no .keras file'),
    (['--model=setup.cfg', CONFIG], '--model (setup.cfg) is no .keras file'),
    (['--model=x.keras'], '--config is missing'),
    (['--model=x.keras', CONFIG, 'more'], "'more' is not understood"),
    (['--model=x.keras', CONFIG, '--config.n_fech=1'], 'did you mean'),
  ],
)
def test_bad_input_is_one_line(evaluate, words, text):
  status, out, error = evaluate(*words)
  assert (status, out) == (errors.BAD_INPUT, '')
  assert error.startswith('error: ') and text in error and error.count('\n') == 1


def test_a_model_for_other_data_is_one_line(evaluate, saved):
  status, _, error = evaluate(f'--model={saved}', CONFIG)
  assert status == errors.BAD_INPUT
  assert error.startswith('error: ') and error.count('\n') == 1
  assert 'cannot be trained on minibatches of (float32[64, 440], int32[64])' in error


def test_a_file_that_is_no_model_is_one_line(evaluate, tmp_path):
  (tmp_path / 'bad.keras').write_text('no model')
  status, _, error = evaluate(f'--model={tmp_path / "bad.keras"}', CONFIG)
  assert status == errors.BAD_INPUT and 'cannot be loaded: ' in error


def test_classes_of_the_users_come_in_by_the_function_that_made_the_model(tmp_path):
  (tmp_path / 'mine.py').write_text(
    'import keras\n'
    '@keras.saving.register_keras_serializable("mine")\n'
    'class Twice(keras.layers.Layer):\n'
    '  def call(self, inputs): return 2 * inputs\n'
    'def build():\n'
    '  shape = keras.Input((20,))\n'
    '  model = keras.Sequential([shape, Twice(), keras.layers.Dense(4)])\n'
    '  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n'
    '  model.compile("sgd", loss)\n'
    '  return model\n'
    'if __name__ == "__main__":\n'
    '  build().save("model.keras")\n'
  )
  environ = runs.environment()
  saving = [sys.executable, 'mine.py']
  warm.run(saving, cwd=tmp_path, env=environ, check=True, timeout=runs.TIMEOUT)
  words = [sys.executable, str(runs.ROOT / 'scripts' / 'evaluate.py')]
  words += ['--model=model.keras', CONFIG, OWN]
  without, given = (
    warm.run(
      [*words, *more],
      cwd=tmp_path,
      env=environ,
      timeout=runs.TIMEOUT,
    )
    for more in ([], ['--config.model.name=mine.py:build'])
  )
  assert without.returncode == errors.BAD_INPUT
  assert 'to evaluate, name it as config.model.name' in without.stderr
  assert given.returncode == 0 and given.stdout.startswith('hold-out loss '), given.stderr


MINE = {
  'data.name': 'tests.users:examples',
  'num_steps': 120,
  'server.learning_rate': 0.05,
}


@pytest.mark.parametrize(
  ('name', 'file', 'told'),
  [
    (
      'not_saved',
      'model.weights.h5',
      'warning: Keras cannot save the model of tests.users:not_saved '
      '(NotImplementedError: Object Scale was created by passing non-serializable',
    ),
    (
      'not_loaded',
      'model.keras',
      'warning: the model.keras that the run will leave does not load by itself (',
    ),
  ],
)
def test_what_is_saved_can_be_used(tmp_path, evaluate, name, file, told):
  """Though Keras cannot save the model, or not load it."""
  workdir, model = tmp_path / 'run', f'tests.users:{name}'
  screen = simulated.screen_of(workdir, **MINE | {'model.name': model})
  warning = next(line for line in screen.splitlines() if line.startswith('warning'))
  assert warning.startswith(told)
  if file == 'model.keras':
    assert f'evaluate by --config.model.name={model}, or call load_weights' in warning
  else:
    assert f'{file} has the weights of the model' in screen
  assert {path.name for path in workdir.glob('*model*')} == {file}
  summary = json.loads((workdir / 'summary.json').read_text())
  words = [f'--model={workdir / file}', CONFIG, OWN]
  status, out, err = evaluate(*words, f'--config.model.name={model}')
  assert status == 0, err
  assert out.startswith(f'hold-out accuracy {summary["holdout_accuracy"]:.4f}')


def test_classes_that_are_registered_must_be_imported_before(tmp_path):
  fields = MINE | {'model.name': 'tests.wild.sequences:transformer', 'num_steps': 4}
  fields |= {'data.name': 'tests.wild.data:sentences'}
  screen = simulated.screen_of(tmp_path / 'run', **fields)
  told = 'note: to load model.keras, import the file that registers Places before'
  assert told in screen


def test_a_disk_without_room_for_the_trial_only_warns(monkeypatch):
  def fails(*unused):
    raise OSError('no space left on device')

  monkeypatch.setattr(objective.Objective, 'export', fails)
  config = simulated.config_of(**MINE | {'model.name': 'tests.users:network'})
  lines = []
  preflight.run(config, lines.append)
  assert lines[0].startswith('warning: the model cannot be saved for a trial: OSError')


def test_weights_alone_ask_for_the_function(tmp_path, evaluate):
  path = tmp_path / 'model.weights.h5'
  users.network().save_weights(path)
  status, _, err = evaluate(f'--model={path}', CONFIG)
  assert status == errors.BAD_INPUT
  assert 'has weights only: name the function that makes the model' in err


def test_weights_of_another_model_are_refused_in_one_line(tmp_path, evaluate):
  path = tmp_path / 'model.weights.h5'
  users.regression().save_weights(path)
  words = [f'--model={path}', CONFIG, OWN, '--config.model.name=tests.users:network']
  status, _, err = evaluate(*words)
  assert status == errors.BAD_INPUT
  (line,) = err.splitlines()
  assert 'makes another model than that of' in line
