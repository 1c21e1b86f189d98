"""Synthetic speech: a function of the seed, with labels that fit its sound."""

import numpy as np
import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.data import features, source, synthesis, synthetic_speech


def speech(seed, number=4):
  """Returns samples [number, S] and labels [number, T] of training utterances."""
  draws = tf.data.Dataset.range(number).map(
    lambda index: synthesis.draw(tf.constant([seed, 0], tf.int64), index)
  )
  samples, labels = synthesis.synthesise(draws.batch(number).get_single_element())
  return samples.numpy(), labels.numpy()


def test_utterance_is_a_function_of_the_seed_and_its_index():
  samples, labels = speech(seed=1, number=4)
  np.testing.assert_allclose(speech(seed=1, number=2)[0], samples[:2], atol=1e-6)
  np.testing.assert_array_equal(speech(seed=1, number=2)[1], labels[:2])
  assert (speech(seed=2)[1] != labels).mean() > 0.9
  assert (labels[0] != labels[1]).mean() > 0.9


def test_frames_and_labels_are_whole_and_sane():
  samples, labels = speech(seed=0, number=50)
  assert features.log_mel(samples).shape == (50, synthesis.NUM_FRAMES, 40)
  assert labels.shape == (50, synthesis.NUM_FRAMES)
  assert np.isfinite(samples).all() and 0.05 < samples.std() < 0.2
  counts = np.bincount(labels.ravel(), minlength=synthesis.NUM_CLASSES)
  assert len(counts) == synthesis.NUM_CLASSES
  assert counts.min() > 0.5 * counts.mean() and counts.max() < 1.5 * counts.mean()


def test_holdout_utterances_are_not_training_utterances():
  made = synthetic_speech.SyntheticSpeech(0, 10)
  training = made.table(source.TRAIN).frames.numpy()
  held_out = made.table(source.HOLDOUT).frames.numpy()
  assert len(training) == made.num_training_frames == 10 * synthesis.NUM_FRAMES
  for frame in training[::200]:
    assert not np.isclose(held_out, frame, atol=1e-2).all(axis=1).any()


def test_number_of_utterances_only_lengthens_the_set():
  short = synthetic_speech.SyntheticSpeech(0, 3)
  longer = synthetic_speech.SyntheticSpeech(0, 9)
  np.testing.assert_allclose(
    short.table(source.TRAIN).frames,
    longer.table(source.TRAIN).frames[: short.num_training_frames],
    atol=1e-3,
  )


def test_a_subset_has_the_frames_of_the_whole():
  made = synthetic_speech.SyntheticSpeech(0, 7)
  whole, part = made.table(source.TRAIN), made.table(source.TRAIN, first=1, stride=3)
  mine = whole.owner % 3 == 1
  np.testing.assert_array_equal(part.owner, whole.owner[mine])
  np.testing.assert_array_equal(part.labels, whole.labels[mine])
  np.testing.assert_allclose(part.frames, whole.frames[mine], atol=1e-3)


def test_what_cannot_be_is_refused():
  with pytest.raises(errors.ConfigError, match='num_utterances'):
    synthetic_speech.SyntheticSpeech(0, 0)
