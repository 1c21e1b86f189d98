r"""Models that nobody here wrote, unchanged: how they train, and how soon they begin.

python scripts/benchmarks/packaged_models.py --workdir=runs/packaged_models

MobileNet and EfficientNetB0 of keras.applications and a vision transformer of keras_hub,
on scikit-learn's digits: by Downpour with 2 replicas, and by Keras' `fit` for as many
minibatches with the same rule. Each run is replayed. Then the time from the command to
the first step of MobileNetV2 and EfficientNetB0, several times in turn with that of
`fit`. Needs `pip install -e '.[packaged]'`. Writes
paper_results/packaged_models/models.json; half an hour on 2 cores, on a machine that does
nothing else. Called again, it goes on where it was.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program
from distbelief.experiments import process_stats, results
from distbelief.telemetry import records, steps

CONFIG = 'configs/synthetic_speech.py'
# Minibatches, and a rate that was tried.
TRAINED = {
  'mobilenet': (1200, 0.03),
  'efficientnet': (1200, 0.01),
  'vision_transformer': (600, 0.01),
}
STARTED = ('mobilenet_v2', 'efficientnet')
BOUND = 4.0  # Largest ratio of the times to the first step.
BATCH_SIZE = 32
_FIELDS = {
  'data.batch_size': BATCH_SIZE,
  'cluster.num_replicas': 2,
  'eval_steps': 300,
  'telemetry.pictures': False,
}
_FEW_STEPS = 8
_SHAPE = (32, 32, 3)
_WORDS = '--workdir=DIR [--pairs=COUNT] [--output=FILE.json]'


def digits(split: str, seed: int) -> Any:
  """Returns scikit-learn's 1,797 handwritten digits, 297 held out, as [32, 32, 3]."""
  import numpy as np
  import tensorflow as tf
  from sklearn import datasets

  images, labels = datasets.load_digits(return_X_y=True)
  order = np.random.default_rng(seed).permutation(len(labels))
  order = order[:1500] if split == 'train' else order[1500:]
  images = images[order].reshape(-1, 8, 8, 1).astype(np.float32) / 8 - 1
  images = tf.repeat(tf.image.resize(images, _SHAPE[:2]), 3, axis=-1)
  return tf.data.Dataset.from_tensor_slices((images, labels[order]))


def _compiled(model: Any, from_logits: bool = False) -> Any:
  import keras

  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
  model.compile(loss=loss, metrics=['accuracy'], jit_compile=False)
  return model


def mobilenet() -> Any:
  """Returns the MobileNet of keras.applications with a quarter of its filters."""
  from keras.applications import MobileNet

  return _compiled(MobileNet(_SHAPE, alpha=0.25, weights=None, classes=10))


def mobilenet_v2() -> Any:
  """Returns the MobileNetV2 of keras.applications."""
  from keras.applications import MobileNetV2

  return _compiled(MobileNetV2(_SHAPE, weights=None, classes=10))


def efficientnet() -> Any:
  """Returns the EfficientNetB0 of keras.applications."""
  from keras.applications import EfficientNetB0

  return _compiled(EfficientNetB0(input_shape=_SHAPE, weights=None, classes=10))


def vision_transformer() -> Any:
  """Returns a vision transformer of keras_hub, of two small layers."""
  from keras_hub import models

  backbone = models.ViTBackbone(
    image_shape=_SHAPE,
    patch_size=4,
    num_layers=2,
    num_heads=2,
    hidden_dim=32,
    mlp_dim=64,
  )
  return _compiled(models.ViTImageClassifier(backbone, num_classes=10), from_logits=True)


def fit(name: str, num_steps: int, rate: float) -> dict[str, Any]:
  """Trains by Keras' `fit` in this process; returns its results.

  Args:
    name: Function that makes the model.
    num_steps: Number of minibatches.
    rate: Rate of Adagrad, without an epsilon as in the paper.
  """
  import keras

  first: list[float] = []

  class FirstStep(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
      if not first:
        first.append(time.time())

  keras.utils.set_random_seed(0)
  model = globals()[name]()
  model.optimizer = keras.optimizers.Adagrad(rate, 0.0, epsilon=1e-30)
  trained = digits('train', 0).shuffle(1500, seed=0).repeat().batch(BATCH_SIZE)
  model.fit(
    trained, steps_per_epoch=num_steps, verbose=0, callbacks=[FirstStep()], epochs=1
  )
  found = model.evaluate(digits('holdout', 0).batch(99), verbose=0, return_dict=True)
  return {'first_step': first[0], **found}


def fit_in_a_process(
  name: str, path: Path, num_steps: int, rate: float
) -> dict[str, Any]:
  """Calls `fit` in a process of its own, unless it has; returns its results.

  Args:
    name: Function that makes the model.
    path: JSON file that keeps the results.
    num_steps: Number of minibatches.
    rate: Rate of Adagrad.
  """
  if path.exists():
    return json.loads(path.read_text())
  code = (
    'import json, packaged_models, sys; name, steps, rate = sys.argv[1:]; '
    'print(json.dumps(packaged_models.fit(name, int(steps), float(rate))))'
  )
  began = time.time()
  words = [sys.executable, '-c', code, name, str(num_steps), str(rate)]
  path.parent.mkdir(parents=True, exist_ok=True)
  screen = _screen_of(
    words, path, {**os.environ, 'PYTHONPATH': str(Path(__file__).parent)}
  )
  told = json.loads(screen)
  found = {
    'first_step_seconds': round(told['first_step'] - began, 1),
    'holdout_accuracy': round(told['accuracy'], 4),
    'holdout_loss': round(told['loss'], 4),
  }
  path.write_text(json.dumps(found))
  return found


def _screen_of(words: list[str], path: Path, environ: Any = None) -> str:
  """Returns the last line that a process prints; its errors go to a file."""
  with open(path.with_suffix('.log'), 'w') as log:
    result = subprocess.run(
      words, check=True, stdout=subprocess.PIPE, stderr=log, env=environ, text=True
    )
  return result.stdout.splitlines()[-1]


def downpour(name: str, workdir: Path, fields: dict[str, Any]) -> dict[str, Any]:
  """Trains on a cluster of this machine, unless it has; returns parts of the summary."""
  own = {'model.name': f'{__file__}:{name}', 'data.name': f'{__file__}:digits'}
  words = process_stats.command(CONFIG, workdir, {**_FIELDS, **own, **fields})
  subprocess.run(words, check=True)
  summary = json.loads((workdir / 'summary.json').read_text())
  # Keras calls back when its first step is over, so this is the end of ours.
  rows = records.read(workdir)
  began = steps.first_start(*(rows[name] for name in steps.STARTS))
  first = summary['startup_seconds'] + np.nanmin(rows['compute_end']) - began
  return {
    'first_step_seconds': round(float(first), 1),
    'holdout_accuracy': round(summary['holdout_accuracy'], 4),
    'holdout_loss': round(summary['holdout_metrics']['loss'], 4),
    'mean_staleness': round(summary['staleness']['mean'], 2),
    'examples_per_second': round(summary['examples_per_second']),
  }


def _provenance(folder: Path) -> list[dict[str, Any]]:
  """Returns that of every run in the folder."""
  summaries = sorted(folder.glob('*/summary.json'))
  return [json.loads(path.read_text())['provenance'] for path in summaries]


def replayed(workdir: Path) -> float:
  """Returns how a replay's parameters differ from those of the run, unless it has."""
  code = (
    'import sys; from distbelief.replay.replay import Replay; r = Replay(sys.argv[1]);'
    'print(r.difference(r.at()).parameters)'
  )
  path = workdir / 'logs' / 'replayed.txt'
  if not path.exists():
    words = [sys.executable, '-c', code, str(workdir)]
    path.write_text(_screen_of(words, path))
  return float(path.read_text())


def _num_parameters(name: str) -> int:
  return int(sum(v.shape.num_elements() for v in globals()[name]().trainable_variables))


@program
def main(argv: list[str]) -> int:
  """Runs all that is missing and writes the result; returns an exit status."""
  values = flags.FlagValues()
  workdir = flags.DEFINE_string('workdir', None, 'The directory of the runs.', values)
  output = flags.DEFINE_string(
    'output',
    'paper_results/packaged_models/models.json',
    'The JSON file to write.',
    values,
  )
  pairs = flags.DEFINE_integer(
    'pairs', 5, 'Number of starts of each model, in turn with fit.', 1, flag_values=values
  )
  if parsing.parse(values, argv, _WORDS) is None:
    return errors.DONE
  folder = Path(parsing.required(workdir, argv, _WORDS))
  trained = {name: _train(name, folder) for name in TRAINED}
  started = {name: _start(name, folder, pairs.value) for name in STARTED}
  import keras_hub
  import sklearn

  result = {
    'models': trained,
    'started': started,
    'bound': BOUND,
    'keras_hub': keras_hub.__version__,
    'scikit_learn': sklearn.__version__,
  }
  results.write(output.value, result, _provenance(folder))
  print(json.dumps(result, indent=2))
  return errors.DONE


def _train(name: str, folder: Path) -> dict[str, Any]:
  (num_steps, rate), run = TRAINED[name], folder / name
  fields = {'num_steps': num_steps, 'server.learning_rate': rate}
  return {
    **fields,
    'parameters': _num_parameters(name),
    'distbelief': downpour(name, run, fields),
    'fit': fit_in_a_process(
      name, folder / f'{name}-fit-{num_steps}-{rate:g}.json', num_steps, rate
    ),
    'replay_difference': replayed(run),
  }


def _start(name: str, folder: Path, pairs: int) -> dict[str, Any]:
  own, others = [], []
  for pair in range(pairs):
    run = folder / f'{name}-{pair}'
    path = folder / f'{name}-{pair}-fit.json'
    told = fit_in_a_process(name, path, _FEW_STEPS, 0.01)
    others.append(told['first_step_seconds'])
    own.append(downpour(name, run, {'num_steps': _FEW_STEPS})['first_step_seconds'])
  ratios = [round(mine / other, 2) for mine, other in zip(own, others)]
  return {
    'parameters': _num_parameters(name),
    'first_step_seconds': own,
    'fit_first_step_seconds': others,
    'ratios': ratios,
    'median_ratio': statistics.median(ratios),
  }


if __name__ == '__main__':
  sys.exit(main())
