"""Subsets, orders and positions of the streams of minibatches."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.data import features, source, speech

LENGTHS = (7, 12, 9, 5, 11, 8, 10, 6, 13, 9, 7)  # Frames; 97 in all.


class Numbered(speech.Speech):
  """Utterances whose frame t of utterance u is 40 times the number 100 u + t."""

  name = 'numbered'
  num_classes = 10_000
  num_utterances = len(LENGTHS)
  num_training_frames = sum(LENGTHS)
  shortest_utterance = min(LENGTHS)

  def utterances(self, split, first, stride):
    lengths = tf.constant(LENGTHS if split == source.TRAIN else LENGTHS[:3])

    def utterance(index):
      number = 100 * tf.cast(index, tf.int32) + tf.range(tf.gather(lengths, index))
      return tf.tile(tf.cast(number, tf.float32)[:, None], [1, features.NUM_MEL]), number

    indices = tf.data.Dataset.range(first, tf.size(lengths, tf.int64), stride)
    return indices.map(utterance)


ALL = [100 * u + t for u, length in enumerate(LENGTHS) for t in range(length)]


def take(dataset, count):
  """Returns inputs [count, B, 440] and labels [count, B]."""
  pairs = list(itertools.islice(dataset.as_numpy_iterator(), count))
  return [np.stack(part) for part in zip(*pairs)]


def labels(dataset, count):
  return take(dataset, count)[1]


def test_stacks_eleven_frames_and_repeats_the_edge_ones():
  inputs, numbers = take(Numbered(0).minibatches(0, 1, 0, 5), 19)
  for stacked, number in zip(inputs.reshape(-1, 11, 40), numbers.ravel()):
    utterance, frame = divmod(number, 100)
    neighbours = np.clip(frame + np.arange(-5, 6), 0, LENGTHS[utterance] - 1)
    expected = 100 * utterance + neighbours
    np.testing.assert_array_equal(stacked, np.tile(expected[:, None], [1, 40]))


@pytest.mark.parametrize('replicas', [1, 2, 3, 4, 5])
def test_subsets_are_disjoint_and_cover_the_training_set(replicas):
  seen = []
  for replica in range(replicas):
    mine = [n for n in ALL if n // 100 % replicas == replica]
    epoch = labels(Numbered(0).minibatches(replica, replicas, 0, 1), len(mine))
    assert sorted(epoch.ravel()) == mine
    seen += mine
  assert sorted(seen) == ALL


def test_an_epoch_is_a_new_permutation_cut_into_whole_minibatches():
  batch, steps = 10, len(ALL) // 10
  numbers = labels(Numbered(0).minibatches(0, 1, 0, batch), 3 * steps)
  epochs = numbers.reshape(3, steps * batch)
  assert all(len(set(epoch)) == steps * batch for epoch in epochs)
  for one, other in itertools.combinations(epochs, 2):
    assert (one == other).mean() < 0.2
  assert (np.diff(epochs[0]) == 1).mean() < 0.2


@pytest.mark.parametrize('replica, warmstart', [(0, 0), (1, 0), (0, 8)])
def test_starting_at_a_step_equals_skipping_to_it(replica, warmstart):
  def stream(first):
    return Numbered(3).minibatches(replica, 2, first, 5, warmstart)

  inputs, numbers = take(stream(0), 60)  # Epochs of 11 and of 8 minibatches.
  for start in (1, 7, 8, 10, 11, 40):
    started = take(stream(start), 20)
    np.testing.assert_array_equal(started[0], inputs[start : start + 20])
    np.testing.assert_array_equal(started[1], numbers[start : start + 20])


def test_warm_start_is_the_same_for_any_number_of_replicas():
  warm, steps = 25, 19  # More than an epoch of 19 minibatches.
  alone = labels(Numbered(0).minibatches(0, 1, 0, 5, warm), warm)
  assert len(set(alone[:steps].ravel())) == 95
  for replicas in (2, 5):
    many = labels(Numbered(0).minibatches(0, replicas, 0, 5, warm), warm + 10)
    np.testing.assert_array_equal(many[:warm], alone)
    own = labels(Numbered(0).minibatches(0, replicas, 0, 5), 10)
    np.testing.assert_array_equal(many[warm:], own)


def test_only_replica_0_has_a_warm_start():
  one = labels(Numbered(0).minibatches(1, 2, 0, 5, 25), 10)
  other = labels(Numbered(0).minibatches(1, 2, 0, 5), 10)
  np.testing.assert_array_equal(one, other)


def test_orders_are_a_function_of_the_seed():
  def order(seed):
    return labels(Numbered(seed).minibatches(0, 1, 0, 5), 19)

  np.testing.assert_array_equal(order(1), order(1))
  assert (order(1) != order(2)).mean() > 0.8
  assert (order(2**40) != order(0)).mean() > 0.8


def test_replica_and_start_may_be_tensors_in_a_function():
  made = Numbered(0)

  @tf.function
  def third(replica, start):
    return next(iter(made.minibatches(replica, 2, start, 5, 4).skip(2)))

  for replica, start in itertools.product((0, 1), (0, 1, 50)):
    expected = take(made.minibatches(replica, 2, start + 2, 5, 4), 1)
    got = third(tf.constant(replica), tf.constant(start))
    for one, other in zip(expected, got):
      np.testing.assert_array_equal(one[0], other)


def test_holdout_comes_once_and_in_order():
  batches = [numbers for _, numbers in Numbered(0).holdout(10).as_numpy_iterator()]
  assert [len(batch) for batch in batches] == [10, 10, 8]
  assert list(np.concatenate(batches)) == ALL[:28]


def test_a_subset_smaller_than_a_minibatch_is_refused():
  with pytest.raises(errors.ConfigError, match='at most 10,'):
    Numbered(0).minibatches(0, 5, 0, 11)
  with pytest.raises(errors.ConfigError, match=r'num_replicas.*without data: numbered'):
    Numbered(0).check(num_replicas=12, batch_size=1)
