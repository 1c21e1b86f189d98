"""A user's own function as a source of examples."""

import random
import sys

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief import errors, user_code
from distbelief.data import own_data, source
from distbelief.problem import preflight
from tests import users


def made(name='examples', **more):
  return own_data.OwnData(f'tests.users:{name}', seed=0, num_classes=None, **more)


def test_examples_are_those_of_the_function():
  data = made()
  data.prepare()
  assert data.num_examples == 1500
  assert data.spec == (tf.TensorSpec([users.WIDTH]), tf.TensorSpec([], tf.int64))
  expected = next(iter(users.examples('train', 0).batch(5)))
  for one, other in zip(data.first(5), expected, strict=True):
    np.testing.assert_array_equal(one, other)
  held_out = np.concatenate([y for _, y in data.holdout(100).as_numpy_iterator()])
  truth = [int(y) for _, y in users.examples('holdout', 0)]
  assert held_out.tolist() == truth


CALLS = []


def counted(split, seed):
  CALLS.append(split)
  return users.seeded_order(split, seed)


@pytest.mark.parametrize('shuffle_buffer', [0, 64])
def test_the_function_is_called_once_for_each_split(tmp_path, shuffle_buffer):
  """And gives one order, wherever its examples are read, and whatever seed is set."""
  CALLS.clear()
  name = f'{__name__}:counted'
  data = own_data.OwnData(name, 0, num_classes=None, shuffle_buffer=shuffle_buffer)
  data.prepare()
  data.check(3, 4)
  data.keep(tmp_path)
  assert data.graph().node
  first = data.first(5)

  @tf.function
  def batch(start):
    return next(iter(data.minibatches(1, 3, start, 4)))

  @tf.function
  def stored():
    with tf.control_dependencies([tf.constant(1.0)]):  # As where a replica begins.
      return next(iter(data.stored(source.TRAIN, 0, 1).batch(5)))

  for seed in (1, 2):
    tf.random.set_seed(seed)
    for step in (0, 130):
      eagerly = next(iter(data.minibatches(1, 3, step, 4)))
      for one, other in zip(batch(tf.constant(step)), eagerly, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(stored(), first, strict=True):
      np.testing.assert_array_equal(one, other)
  assert sum(len(labels) for _, labels in data.holdout(100)) == 500
  assert sorted(CALLS) == ['holdout', 'train']
  for one, other in zip(made('seeded_order').first(5), first, strict=True):
    np.testing.assert_array_equal(one, other)


def test_the_preflight_calls_the_function_once_more_for_each_split():
  """Under other seeds, to find random numbers that are not functions of ours."""
  CALLS.clear()
  config = config_lib.default_config()
  config.model.name = 'tests.users:network'
  config.data.name = f'{__name__}:counted'
  preflight.run(config)
  assert sorted(CALLS) == ['holdout', 'holdout', 'train', 'train']


def filtered(split, seed):
  return users.seeded_order(split, seed).filter(lambda inputs, label: label < 4)


def test_a_seeded_order_is_the_same_though_examples_have_been_counted():
  config = config_lib.default_config()
  config.model.name = 'tests.users:network'
  config.data.name = f'{__name__}:filtered'
  assert preflight.run(config).num_examples == 1500


def test_every_read_of_a_seeded_shuffle_is_the_first():
  """TensorFlow shuffles anew for each pass; subsets would overlap."""
  data = made('seeded_order')
  data.prepare()
  once, again = (np.concatenate([y for _, y in _read(data)]) for _ in range(2))
  np.testing.assert_array_equal(once, again)
  other = np.concatenate([y for _, y in _read(made('seeded_order'))])
  np.testing.assert_array_equal(once, other)


def _read(data):
  return data.stored(source.TRAIN, 0, 1).batch(100).as_numpy_iterator()


def test_unknown_lengths_are_counted(monkeypatch):
  monkeypatch.setattr(
    users,
    'odd',
    lambda s, seed: users.examples(s, seed).filter(lambda x, y: y % 2 == 1),
    raising=False,
  )
  truth = sum(int(y) % 2 for _, y in users.examples('train', 0))
  assert made('odd').num_examples == truth


def test_arrays_that_are_large_are_read_from_a_disk(tmp_path, monkeypatch):
  """The graph of a worker stays small, and the minibatches are the same."""

  @tf.function
  def batch(data, step):
    return next(iter(data.minibatches(1, 3, step, 4)))

  def graph_bytes(data):
    traced = batch.get_concrete_function(data, tf.constant(0))
    return traced.graph.as_graph_def().ByteSize()

  small, large = made(), made()
  small.keep(tmp_path)
  assert not list(tmp_path.iterdir()) and graph_bytes(small) > 1500 * users.WIDTH * 4
  monkeypatch.setattr(own_data, '_MOST_IN_A_GRAPH', 1000)
  large.keep(tmp_path)
  large.keep(tmp_path)  # As at the next launch.
  assert graph_bytes(large) < 30_000
  for step in (0, 3, 200):
    found, expected = (batch(d, tf.constant(step)) for d in (large, small))
    for one, other in zip(found, expected, strict=True):
      np.testing.assert_array_equal(one, other)


def test_all_of_a_kept_set_is_there(tmp_path, monkeypatch):
  monkeypatch.setattr(own_data, '_MOST_IN_A_GRAPH', 0)
  data = made()
  data.keep(tmp_path)

  @tf.function
  def labels():
    return data.table(source.TRAIN).stored[1]

  truth = [int(y) for _, y in users.examples('train', 0)]
  assert labels().numpy().tolist() == truth


def test_files_and_functions_are_found_by_name(tmp_path, monkeypatch):
  (tmp_path / 'beside.py').write_text('def build(): return 7\n')
  monkeypatch.chdir(tmp_path)
  for name in ('beside:build', 'beside.py:build', f'{tmp_path}/beside.py:build'):
    assert user_code.load_function('config.model.name', name)() == 7
  assert user_code.name_of('data', users.examples) == 'tests.users:examples'
  with pytest.raises(errors.UserError, match='a function at the top level of a'):
    user_code.name_of('data', lambda split, seed: None)
  for wrong in (7, int, users.examples('train', 0)):
    with pytest.raises(errors.UserError, match='hand over the function that makes it'):
      user_code.name_of('model', wrong)


def test_a_file_is_imported_with_its_neighbours_and_hides_no_other(tmp_path):
  (tmp_path / 'helpers.py').write_text('SIX = 6\n')
  (tmp_path / 'random.py').write_text('import helpers\ndef build(): return helpers.SIX\n')
  name = f'{tmp_path}/random.py:build'
  assert user_code.load_function('config.model.name', name)() == 6
  assert user_code.load_function('config.model.name', name) is user_code.load_function(
    'config.model.name', name
  )
  assert random.Random(0).random()
  assert sys.modules['random'] is random
  (tmp_path / 'lacks.py').write_text('import nowhere_to_be_found\n')
  with pytest.raises(errors.ConfigError, match=r'that is what .*lacks\.py imports'):
    user_code.load_function('config.model.name', f'{tmp_path}/lacks.py:build')


def test_training_while_a_file_is_read_for_a_function_is_refused(tmp_path, monkeypatch):
  script = 'import distbelief\ndef build(): ...\ndistbelief.train(None, "x")\n'
  (tmp_path / 'unguarded.py').write_text(script)
  with pytest.raises(errors.UserError, match="put the call under if __name__ == '__main"):
    user_code.load_function('config.model.name', f'{tmp_path}/unguarded.py:build')
