"""TensorFlow Datasets' images and speech commands, on its own mock data."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from distbelief import config as config_lib
from distbelief import errors
from distbelief.data import images, source, speech_commands
from distbelief.problem import factory

EXAMPLES = 24


@pytest.fixture
def mock():
  """Data of the right form, without files or a network."""
  with tfds.testing.mock_data(
    num_examples=EXAMPLES, policy=tfds.testing.MockPolicy.USE_CODE
  ):
    yield


def source_of(name):
  config = config_lib.default_config()
  config.data.name = name
  return factory.make_source(config)


def few(monkeypatch):
  monkeypatch.setattr(images.Images, 'num_examples', EXAMPLES)
  monkeypatch.setattr(speech_commands.SpeechCommands, 'num_utterances', EXAMPLES)
  monkeypatch.setattr(speech_commands.prepared, 'load', load)


def load(name, split, **more):
  """As TensorFlow Datasets, whose mock recordings are shorter than a frame."""
  dataset = tfds.load(name, split=split, download=False, **more)
  if name != 'speech_commands':
    return dataset
  return dataset.map(lambda audio, label: (tf.tile(audio, [100])[:9000], label))


FORMS = {
  'mnist': ((28, 28, 1), 10),
  'fashion_mnist': ((28, 28, 1), 10),
  'cifar10': ((32, 32, 3), 10),
  'imagenet2012': ((100, 100, 3), 1000),
  'speech_commands': ((440,), 60),
}


@pytest.mark.parametrize('name', FORMS)
@pytest.mark.parametrize('buffer', [0, 10], ids=['in_memory', 'streamed'])
def test_minibatches_have_the_form_that_is_told(mock, monkeypatch, name, buffer):
  few(monkeypatch)
  config = config_lib.default_config()
  config.data.name = name
  config.data.shuffle_buffer = buffer
  if name == 'speech_commands' and buffer:
    with pytest.raises(errors.ConfigError, match=r'shuffle_buffer \(10\) must be 0'):
      factory.make_source(config)
    return
  made = factory.make_source(config)
  shape, classes = FORMS[name]
  assert (made.name, made.num_classes) == (name, classes)
  assert tuple(made.spec[0].shape) == shape
  streams = [made.minibatches(replica, 2, 0, 3) for replica in range(2)]
  for inputs, labels in (next(iter(stream)) for stream in streams):
    assert inputs.shape == (3, *shape) and inputs.dtype == tf.float32
    assert labels.shape == (3,) and labels.dtype == tf.int32
    assert labels.numpy().min() >= 0 and labels.numpy().max() < classes
    if len(shape) == 3:
      assert 0 <= inputs.numpy().min() < inputs.numpy().max() <= 1
  held_out = sum(len(labels) for _, labels in made.holdout(10))
  assert held_out == EXAMPLES if len(shape) == 3 else held_out > EXAMPLES


@pytest.mark.parametrize('name', ['mnist', 'fashion_mnist', 'cifar10', 'imagenet2012'])
def test_subsets_are_disjoint_and_cover_the_data(mock, name):
  made = source_of(name)
  whole = [
    image.tobytes() for image, _ in made.stored(source.TRAIN, 0, 1).as_numpy_iterator()
  ]
  parts = [
    [image.tobytes() for image, _ in made.stored(source.TRAIN, i, 3).as_numpy_iterator()]
    for i in range(3)
  ]
  assert sorted(itertools.chain(*parts)) == sorted(whole)
  assert len(set(whole)) == EXAMPLES


def test_utterances_are_cut_into_states_and_shared_out(mock, monkeypatch):
  few(monkeypatch)
  made = speech_commands.SpeechCommands(seed=0)
  whole, part = made.table(source.TRAIN), made.table(source.TRAIN, 1, 3)
  assert set(whole.owner.numpy()) == set(range(EXAMPLES))
  assert set(part.owner.numpy()) == set(range(1, EXAMPLES, 3))
  mine = whole.owner % 3 == 1
  np.testing.assert_array_equal(part.labels, whole.labels[mine])
  for index in range(3):
    labels = whole.labels[whole.owner == index].numpy()
    assert (np.diff(labels) >= 0).all() and len(set(labels // 5)) == 1


def test_images_of_any_size_become_squares_of_one(mock):
  made = source_of('imagenet2012')
  wide = np.zeros([40, 80, 3], np.uint8)
  wide[:, 20:60] = 200  # The square in the middle.
  example = {'image': tf.io.encode_png(wide), 'label': tf.constant(7, tf.int64)}
  image, label = made._pair(example)
  assert image.shape == (100, 100, 3) and (image.numpy() == 200).all() and label == 7


def test_without_data_and_network_the_remedy_is_named(monkeypatch, tmp_path):
  def unreachable(unused_url, timeout):
    raise ConnectionError('no network\nno luck')

  monkeypatch.setattr(tfds.core.constants, 'DATA_DIR', str(tmp_path))
  monkeypatch.setattr('urllib.request.urlopen', unreachable)
  for name in FORMS:
    config = config_lib.default_config()
    config.data.name = name
    with pytest.raises(
      errors.UserError, match=r'no network.*set TFDS_DATA_DIR'
    ) as raised:
      factory.make_source(config).prepare()
    assert '\n' not in str(raised.value)
