"""Bad input is one line with field, value and remedy, before any task has started."""

import json
import re
import socket

import pytest

from distbelief import errors
from distbelief.command_line import train as training
from distbelief.problem import preflight
from tests import runs, warm

CONFIG = f'--config={runs.ROOT / "configs" / "synthetic_speech.py"}'
DATA = '--config.data.name=tests.users:examples'


def model(name):
  return [f'--config.model.name=tests.users:{name}', DATA]


def data(name):
  return [
    '--config.model.name=tests.users:network',
    f'--config.data.name=tests.users:{name}',
  ]


def field(name, value):
  return [f'--config.{name}={value}']


# What is typed beside --config and --workdir, and what the line must say.
CASES = {
  'n_fetch of 0': (field('downpour.n_fetch', 0), 'n_fetch (0) must be at least 1'),
  'no replica': (field('cluster.num_replicas', 0), 'num_replicas (0) must be at least'),
  'slowdown of the wrong length': (
    field('cluster.slowdown', '(1,2,4)') + field('cluster.step_seconds', 0.1),
    'slowdown ((1, 2, 4)) must have one factor per replica: 2, not 3',
  ),
  'unknown model': (field('model.name', 'resnet'), "model.name ('resnet') is unknown"),
  'unknown data': (field('data.name', 'minst'), "did you mean 'mnist'?"),
  'unknown rule': (field('server.optimizer', 'adam'), "optimizer ('adam') is unknown"),
  'unknown algorithm': (field('algorithm', 'async'), "algorithm ('async') is unknown"),
  'misspelt field': (field('n_fech', 2), 'did you mean config.downpour.n_fetch?'),
  'extra word': (['fast'], "'fast' is not understood"),
  'not a number': (field('num_steps', 'many'), "('many') must be a whole number"),
  'indivisible steps': (
    field('algorithm', 'synchronous') + field('cluster.num_replicas', 3),
    'must be a multiple of the 3 replicas',
  ),
  'warm start too long': (
    field('downpour.warmstart_steps', 10**6),
    'at most config.num_steps',
  ),
  'device without one': (field('cluster.device', 'tpu'), "device ('tpu') is unknown"),
  'batch larger than a subset': (
    field('data.batch_size', 10**6),
    'batch_size (1000000) must be at most',
  ),
  'more replicas than utterances': (
    field('data.num_utterances', 3) + field('cluster.num_replicas', 4),
    'num_replicas (4) leaves a replica without data: synthetic_speech has too little',
  ),
  'stream of speech': (
    field('data.shuffle_buffer', 10),
    "shuffle_buffer (10) must be 0 with config.data.name = 'synthetic_speech'",
  ),
  'classes of known data': (
    field('data.num_classes', 7),
    'num_classes (7) is for data of your own',
  ),
  'images to a network of three stages without an image': (
    field('model.name', 'image'),
    "model.name ('image') takes images, height x width x channels",
  ),
  # Models.
  'module that is not there': (
    field('model.name', 'nowhere:build'),
    "('nowhere:build') cannot be imported (No module named 'nowhere')",
  ),
  'file that is not there': (
    field('model.name', 'nowhere.py:build'),
    'there is no nowhere.py in',
  ),
  'file that misses another': (
    field('model.name', 'tests.unreadable:build'),
    "failed: FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.csv'",
  ),
  'function that is not there': (
    field('model.name', 'tests.users:netwrok'),
    'did you mean tests.users:network?',
  ),
  'saved model that is not there': (
    field('model.name', 'nowhere.keras'),
    "('nowhere.keras') cannot be loaded: ValueError",
  ),
  'model that fails': (
    model('fails'),
    "('tests.users:fails') failed: ZeroDivisionError: the dog ate it",
  ),
  'no model': (model('no_model'), 'gave a list: return a built Keras 3 model'),
  'model not built': (model('not_built'), 'is not built: give it a keras.Input'),
  'nothing to train': (model('nothing_to_train'), 'has nothing to train'),
  'train_step': (model('own_train_step'), 'has a train_step of its own'),
  'parameters of 64 bits': (model('double'), 'has parameters that are float64'),
  'stateful layer': (model('stateful'), 'remembers the minibatch before (lstm'),
  'wrong input shape': (
    model('wrong_width'),
    '(float32[64, 20], int64[64]): ValueError: Input 0 with name',
  ),
  'assigned parameters': (
    model('assigns_parameters'),
    '/kernel: leave out the layer that does so',
  ),
  'hidden variable': (model('holds_a_variable'), 'holds a tf.Variable or a lookup table'),
  'random numbers of TensorFlow in the model': (
    model('random_of_tensorflow'),
    'random numbers that are no function of the seed (RandomStandardNormal, as of '
    'tf.random): give the layer a keras.random.SeedGenerator',
  ),
  'random numbers of Keras without a generator': (
    model('random_of_keras'),
    "from Keras' global generator: give the layer a keras.random.SeedGenerator",
  ),
  'Python in the model': (model('calls_python'), 'calls Python, which cannot be sent'),
  'unknown loss': (
    [*model('uncompiled'), *field('model.loss', 'sotfmax')],
    "config.model.loss ('sotfmax') is unknown: choose softmax",
  ),
  'target without accuracy': (
    field('model.name', 'tests.users:regression')
    + field('data.name', 'tests.users:sums')
    + field('target_accuracy', 0.5),
    'target_accuracy (0.5) needs an accuracy, and the model has none',
  ),
  'labels beyond the outputs': (
    model('too_few_outputs'),
    'has the label 3 among its first 1000 examples, and the model 3 outputs',
  ),
  'subclassed model and labels beyond its outputs': (
    [*model('subclassed'), '--config.data.name=tests.users:bad_label'],
    'has the label 77 among its first 1000 examples, and the model 4 outputs',
  ),
  'metric that is no graph': (model('eager_metric'), 'cannot be made a graph on'),
  'loss of other shapes': (
    [*model('uncompiled'), *field('model.loss', 'mse')],
    'cannot be trained on minibatches',
  ),
  'loss without a gradient': (model('no_gradient'), 'has a loss without a gradient'),
  # Data.
  'shuffled': (data('shuffled'), 'gives other examples, or another order, each time'),
  'random numbers of NumPy without a seed': (
    data('random_of_numpy'),
    'gives other examples, or another order, each time',
  ),
  'random numbers of NumPy without a seed in holdout': (
    data('random_in_holdout'),
    'gives other examples, or another order, each time',
  ),
  'random numbers in the order of execution': (
    data('random_in_order'),
    'in the order of execution (RandomStandardNormal): use tf.random.stateless_*',
  ),
  'no dataset': (data('no_dataset'), 'returned a ndarray: return a tf.data.Dataset'),
  'data that fail': (
    data('broken'),
    "failed for split 'train': FileNotFoundError: no such file: /data/train.tfrecord",
  ),
  'data function without arguments': (data('takes_nothing'), 'failed for split'),
  'no labels': (data('without_labels'), 'examples of the form float32[20]: let each be'),
  'batches': (
    data('batched'),
    'of the form (float32[None, 20], int64[None]): leave batching to us, e.g. by unbatch',
  ),
  'lengths that differ': (data('ragged_shapes'), 'whose shape is not the same for all'),
  'sparse tensors': (data('sparse'), 'make them dense, e.g. by tf.sparse.to_dense'),
  'words for labels': (data('labels_of_words'), 'make labels numbers, e.g. by map'),
  'adapted inside the function': (
    data('adapts_inside'),
    'what is adapted, or compared in Python, inside the function belongs to the top',
  ),
  'one-hot labels for a sparse loss': (
    data('one_hot'),
    'one-hot labels go with CategoricalCrossentropy',
  ),
  'classes for a categorical loss': (
    model('categorical'),
    'labels that are class indices go with SparseCategoricalCrossentropy',
  ),
  'subclass that only build() has built': (
    model('built_only'),
    'is not built (its layer ',
  ),
  'endless': (data('endless'), "has no end in split 'train'"),
  'empty holdout': (data('empty_holdout'), "has no examples in split 'holdout'"),
  'more replicas than examples': (
    data('tiny') + field('cluster.num_replicas', 4),
    'num_replicas (4) leaves a replica without data: tests.users:tiny has too little',
  ),
  'other examples in holdout': (
    data('other_holdout'),
    "has other examples in 'holdout', (float32[3], int64[]), than in 'train'",
  ),
  'label out of range': (
    data('bad_label'),
    'has the label 77 among its first 1000 examples, and the model 4 outputs',
  ),
  'not a number in the inputs': (data('not_numbers'), 'makes the loss nan on its first'),
  'words for inputs': (data('words'), 'cannot be trained on minibatches of (string[64'),
  'Python in the data': (data('generator'), 'calls Python (from_generator, py_function'),
  'data that are no graph': (data('eager_only'), 'cannot be made a graph, which the'),
  'built-in network on data of unknown classes': (
    [DATA],
    'an unknown number of classes: set config.data.num_classes',
  ),
  # Workdirs.
  'bucket': (['--workdir=gs://mine/run'], '(gs:/mine/run) is a gs address'),
  'workdir that is a file': (['--workdir=setup.cfg'], '(setup.cfg) is a file: choose'),
  'workdir under a file': (
    ['--workdir=/dev/null/run'],
    'cannot be used: Not a directory',
  ),
}


@pytest.fixture
def train(monkeypatch, call, tmp_path):
  """Calls the program up to where tasks would start; returns (status, stderr)."""
  monkeypatch.delenv('TF_CONFIG', raising=False)
  monkeypatch.chdir(runs.ROOT)

  def launch(config, *unused_args):
    preflight.run(config)  # What the first child does.
    raise AssertionError('tasks would have been started')

  monkeypatch.setattr('distbelief.cluster.launch.local.launch', launch)

  def train(*words):
    first = CONFIG, f'--workdir={tmp_path / "run"}'
    status, _, screen = call(training.main, *first, *words)
    return status, screen

  return train


@pytest.mark.parametrize(('words', 'text'), CASES.values(), ids=CASES)
def test_bad_input_is_one_line(train, words, text):
  status, screen = train(*words)
  lines = [line for line in screen.splitlines() if line.startswith('error: ')]
  assert status == errors.BAD_INPUT and len(lines) == 1, screen
  assert text in lines[0]
  assert len(lines[0]) < 500 and screen.endswith(lines[0] + '\n')


def test_good_input_would_start(train):
  fine = (
    *map(model, ('network', 'uncompiled', 'subclassed', 'vector_metric', 'ignores')),
    ['--config.data.num_classes=4', DATA],
    ['--config.data.name=tests.users:seeded_order', '--config.data.num_classes=4'],
    [],
  )
  for words in fine:
    with pytest.raises(AssertionError, match='would have been started'):
      train(*words)


TF_CONFIGS = {
  'no chief': ({'cluster': {'worker': ['a:1'], 'ps': ['a:2']}}, 'has no "chief"'),
  'unknown job': (
    {'cluster': {'chief': ['a:1'], 'worker': ['a:2'], 'ps': ['a:3'], 'x': ['a:4']}},
    '"cluster" has a "x"',
  ),
  'index out of range': (
    {
      'cluster': {'chief': ['a:1'], 'worker': ['a:2'], 'ps': ['a:3']},
      'task': {'type': 'worker', 'index': 1},
    },
    'task index (1) of worker must be below 1',
  ),
  'no task': (
    {'cluster': {'chief': ['a:1'], 'worker': ['a:2'], 'ps': ['a:3']}},
    'must have',
  ),
}


@pytest.mark.parametrize(('given', 'text'), TF_CONFIGS.values(), ids=TF_CONFIGS)
def test_a_wrong_tf_config_is_one_line(train, monkeypatch, given, text):
  if 'task' not in given and text != 'must have':
    given = {**given, 'task': {'type': 'worker', 'index': 0}}
  monkeypatch.setenv('TF_CONFIG', json.dumps(given))
  status, screen = train()
  assert status == errors.BAD_INPUT and re.fullmatch(r'error: [^\n]+\n', screen)
  assert text in screen


def by_hand(workdir, given, **fields):
  return warm.run(
    runs.command(workdir, **{**runs.SMALL, **fields}),
    timeout=runs.TIMEOUT,
    env={**runs.environment(), 'TF_CONFIG': json.dumps(given)},
  )


@pytest.mark.parametrize('job', ['chief', 'worker', 'ps'])
def test_a_port_in_use_is_one_line(tmp_path, job):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    cluster = {'chief': ['127.0.0.1:1'], 'worker': ['127.0.0.1:2'], 'ps': ['127.0.0.1:3']}
    cluster[job] = [f'127.0.0.1:{port}']
    given = {'cluster': cluster, 'task': {'type': job, 'index': 0}}
    counts = {'cluster.num_replicas': 1, 'cluster.num_parameter_servers': 1}
    task = by_hand(tmp_path / 'run', given, **counts)
  assert task.returncode == errors.BAD_INPUT
  last = task.stderr.splitlines()[-1]
  assert last.startswith(f'error: {job} 0 cannot listen at 127.0.0.1:{port}: is its port')


def test_a_host_that_does_not_resolve_is_named(tmp_path):
  cluster = {
    'chief': ['localhost:0'],
    'worker': ['nowhere.invalid:2'],
    'ps': ['b.invalid:3'],
  }
  with socket.create_server(('127.0.0.1', 0)) as free:
    cluster['chief'] = [f'127.0.0.1:{free.getsockname()[1]}']
  given = {'cluster': cluster, 'task': {'type': 'chief', 'index': 0}}
  fields = {'cluster.num_replicas': 1, 'cluster.num_parameter_servers': 1}
  task = by_hand(tmp_path / 'run', given, **fields, **{'cluster.start_timeout': 2})
  assert task.returncode == errors.LOST_PEER
  assert 'worker 0 at nowhere.invalid:2 (unknown host)' in task.stderr.splitlines()[-1]
  assert task.stderr.splitlines()[-1].startswith('error: no ps 0 at b.invalid:3 (unknown')


def test_a_chief_needs_no_gpu_where_its_workers_do(tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
  cluster = {
    'chief': [f'127.0.0.1:{port}'],
    'worker': ['127.0.0.1:9'],
    'ps': ['b.invalid:3'],
  }
  fields = {'cluster.num_replicas': 1, 'cluster.num_parameter_servers': 1}
  fields |= {'cluster.start_timeout': 1, 'cluster.device': 'gpu'}
  for job, text in (('chief', 'error: no ps 0 at'), ('worker', 'needs a GPU, and this')):
    given = {'cluster': cluster, 'task': {'type': job, 'index': 0}}
    task = by_hand(tmp_path / 'run', given, **fields)
    assert text in task.stderr.splitlines()[-1], task.stderr


@pytest.mark.cluster
@pytest.mark.parametrize('case', ['label out of range', 'wrong input shape'])
def test_a_launch_prints_the_same_line_and_begins_no_run(tmp_path, case):
  words, text = CASES[case]
  launched = warm.run(
    [*runs.command(tmp_path / 'run'), *words],
    timeout=runs.TIMEOUT,
    cwd=runs.ROOT,
    env=runs.environment(),
  )
  assert launched.returncode == errors.BAD_INPUT, launched.stderr
  # What takes long on a slow machine is told before.
  lines = [line for line in launched.stderr.splitlines() if line.startswith('error: ')]
  assert text in lines[0]
  failed = [path.name for path in (tmp_path / 'run' / 'logs').glob('*.error.json')]
  assert failed == ['check-0.error.json']
  # Tasks may have announced themselves, while the check ran.
  left = {path.name for path in (tmp_path / 'run').iterdir()}
  assert left - {'tasks'} == {'config.json', 'logs'}
