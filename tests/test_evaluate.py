"""scripts/evaluate.py: a saved model on hold-out data."""

import functools
import subprocess
import sys

import keras
import pytest

from distbelief import errors
from distbelief.command_line import evaluate as program
from tests import made, runs, users, warm

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
