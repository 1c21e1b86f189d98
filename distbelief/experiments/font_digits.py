"""Accuracy of networks on digits drawn from fonts, and the effect of asynchrony.

The paper's image network against softmax regression, which shows that the data need more
than a linear map; and a convolutional network of plain Keras with batch normalisation and
dropout, by every algorithm: its moving statistics come from all replicas at once.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distbelief.experiments import runs, tables

CONFIG = 'configs/font_digits.py'

_CONVOLUTIONAL = {
  'model.name': f'{__name__}:convolutional',
  'server.learning_rate': 0.04,  # The best of three, for every algorithm.
}

# Fields that differ from the config's.
CASES: Mapping[str, Mapping[str, Any]] = {
  'image network, Downpour, 2 replicas': {},
  'softmax regression, Downpour, 2 replicas': {
    'model.name': 'acoustic',
    'model.hidden_units': (),
  },
  'convolutional, Downpour, 4 replicas': {
    **_CONVOLUTIONAL,
    'cluster.num_replicas': 4,
  },
  'convolutional, synchronous, 4 replicas': {
    **_CONVOLUTIONAL,
    'cluster.num_replicas': 4,
    'algorithm': 'synchronous',
  },
  'convolutional, one process': {
    **_CONVOLUTIONAL,
    'algorithm': 'sgd',
  },
}


def convolutional() -> Any:
  """Returns a network of plain Keras layers, as a user's model."""
  import keras  # Takes a second; the launcher does without.
  from keras import layers

  model = keras.Sequential(
    [
      keras.Input((28, 28, 1)),
      layers.Conv2D(8, 5, strides=2, use_bias=False),
      layers.BatchNormalization(),
      layers.ReLU(),
      layers.Conv2D(16, 3, strides=2, use_bias=False),
      layers.BatchNormalization(),
      layers.ReLU(),
      layers.Flatten(),
      layers.Dropout(0.25),
      layers.Dense(10),
    ],
    name='convolutional',
  )
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  model.compile('sgd', loss, metrics=['accuracy'], jit_compile=False)
  return model


def plain_keras_accuracy(workdir: Path, seed: int) -> float:
  """Returns the accuracy of a run's model.keras on the hold-out data, by plain Keras."""
  import keras

  from distbelief.data import font_digits, source
  from distbelief.models import image  # noqa: F401 (Keras must know its layers)

  images, digits = font_digits.FontDigits(seed, 1).table(source.HOLDOUT).stored
  model = keras.models.load_model(workdir / 'model.keras')
  return model.evaluate(images, digits, verbose=0, return_dict=True)['accuracy']


def table(found: Mapping[str, Any]) -> str:
  """Returns the medians as a table in Markdown."""
  head = ('network', 'hold-out accuracy', 'of model.keras, by plain Keras', 'seconds')
  rows = [
    (
      name,
      f'{case["median_holdout_accuracy"]:.1%}',
      f'{case["median_plain_keras_accuracy"]:.1%}',
      f'{case["median_seconds"]:.0f}',
    )
    for name, case in found.items()
  ]
  return tables.markdown(head, rows)


def measure(
  workdir: Path,
  seeds: Sequence[int],
  say: Callable[[str], None],
  *,
  cases: Sequence[str] = tuple(CASES),
  num_steps: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
  """Trains cases with every seed.

  Args:
    workdir: Directory of the runs; finished ones are not repeated.
    seeds: Seeds of weights, orders and dropout, and of the data.
    say: Function that shows a line.
    cases: Keys of CASES.
    num_steps: Number of minibatches; None: that of the config.

  Returns:
    Runs and medians of each case; and the provenance of each run.
  """
  found: dict[str, Any] = {}
  trained = []
  length = {} if num_steps is None else {'num_steps': num_steps}
  for name in cases:
    fields = CASES[name]
    rows = []
    for seed in seeds:
      folder = runs.folder_of(workdir, name) / str(seed)
      summary = runs.finish(CONFIG, folder, {**fields, **length, 'seed': seed})
      row = {
        'seed': seed,
        'holdout_accuracy': summary['holdout_accuracy'],
        'plain_keras_accuracy': plain_keras_accuracy(folder, seed),
        'seconds': summary['seconds'],
        'seconds_to_target': summary['seconds_to_target'],
        'mean_staleness': summary['staleness']['mean'],
      }
      say(json.dumps({'case': name, **row}))
      rows.append(row)
      trained.append(summary['provenance'])
    found[name] = {
      'fields': dict(fields),
      **{
        f'median_{column}': statistics.median(row[column] for row in rows)
        for column in ('holdout_accuracy', 'plain_keras_accuracy', 'seconds')
      },
      'runs': rows,
    }
  return found, trained
