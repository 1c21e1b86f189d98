"""Data sets of single examples, in memory and streamed: subsets, orders, positions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.data import examples, source

NUMBER = 37
HELD_OUT = 5


class Numbered(examples.Examples):
  """Example i of the training set is the number i; its label is i mod 3."""

  name = 'numbered'
  num_classes = 3
  num_examples = NUMBER
  spec = (tf.TensorSpec([2]), tf.TensorSpec([], tf.int32))

  def stored(self, split, first, stride):
    number = NUMBER if split == source.TRAIN else HELD_OUT
    return tf.data.Dataset.range(first, number, stride)

  def finish(self, stored):
    inputs = tf.cast(stored[:, tf.newaxis], tf.float32)
    return tf.concat([inputs, -inputs], 1), tf.cast(stored % 3, tf.int32)


def numbers(dataset, count):
  """The examples' numbers, [count, B]."""
  batches = list(itertools.islice(dataset.as_numpy_iterator(), count))
  for inputs, labels in batches:
    np.testing.assert_array_equal(inputs[:, 0] % 3, labels)
    np.testing.assert_array_equal(inputs[:, 0], -inputs[:, 1])
  return np.stack([inputs[:, 0].astype(int) for inputs, _ in batches])


BOTH = pytest.mark.parametrize('buffer', [0, 7], ids=['in_memory', 'streamed'])


@BOTH
@pytest.mark.parametrize('replicas', [1, 3, 5])
def test_subsets_are_disjoint_and_cover_the_training_set(buffer, replicas):
  seen = []
  for replica in range(replicas):
    mine = list(range(replica, NUMBER, replicas))
    stream = Numbered(0, buffer).minibatches(replica, replicas, 0, 1)
    assert sorted(numbers(stream, len(mine)).ravel()) == mine
    seen += mine
  assert sorted(seen) == list(range(NUMBER))


@BOTH
def test_epochs_are_permutations_that_differ(buffer):
  made = numbers(Numbered(0, buffer).minibatches(0, 1, 0, 5), 3 * 7).reshape(3, 35)
  assert all(len(set(epoch)) == 35 for epoch in made)
  for one, other in itertools.combinations(made, 2):
    assert (one == other).mean() < 0.3
  assert (np.diff(made[0]) == 1).mean() < 0.4


@BOTH
@pytest.mark.parametrize('warmstart', [0, 9])
def test_starting_at_a_step_equals_skipping_to_it(buffer, warmstart):
  def stream(start):
    return Numbered(3, buffer).minibatches(0, 2, start, 4, warmstart)

  whole = numbers(stream(0), 40)
  for start in (1, 4, 8, 9, 10, 25):
    np.testing.assert_array_equal(numbers(stream(start), 15), whole[start : start + 15])


@BOTH
def test_a_warm_start_is_on_everything_whatever_the_number_of_replicas(buffer):
  alone = numbers(Numbered(0, buffer).minibatches(0, 1, 0, 5, 10), 10)
  many = numbers(Numbered(0, buffer).minibatches(0, 4, 0, 5, 10), 14)
  np.testing.assert_array_equal(alone, many[:10])
  assert (many[10:] % 4 == 0).all() and len(set(alone[:7].ravel())) == 35


@BOTH
def test_streams_run_in_a_function_on_tensors(buffer):
  made = Numbered(1, buffer)

  @tf.function
  def at(replica, start):
    return next(iter(made.minibatches(replica, 3, start, 4)))

  for replica, start in ((0, 0), (2, 5)):
    expected = numbers(made.minibatches(replica, 3, start, 4), 1)[0]
    found, _ = at(tf.constant(replica), tf.constant(start))
    np.testing.assert_array_equal(found[:, 0], expected)


@BOTH
def test_holdout_comes_once_and_in_order(buffer):
  batches = [labels for _, labels in Numbered(0, buffer).holdout(3).as_numpy_iterator()]
  assert [len(batch) for batch in batches] == [3, 2]
  assert np.concatenate(batches).tolist() == [0, 1, 2, 0, 1]


def test_the_first_examples_are_the_first():
  inputs, _ = Numbered(0).first(4)
  assert inputs[:, 0].numpy().tolist() == [0, 1, 2, 3]
  assert len(Numbered(0).first(1000)[0]) == NUMBER


def test_too_little_data_is_refused():
  Numbered(0).check(num_replicas=5, batch_size=7)
  with pytest.raises(errors.ConfigError, match=r'batch_size.*at most 7,'):
    Numbered(0).check(num_replicas=5, batch_size=8)
  with pytest.raises(errors.ConfigError, match=r'num_replicas.*without data'):
    Numbered(0).check(num_replicas=NUMBER + 1, batch_size=1)
