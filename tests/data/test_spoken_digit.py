"""Spoken digits: the real ones where they are, and recordings made here."""

import math
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from distbelief import errors
from distbelief.data import features, source, spoken_digit

_SPEAKERS = ('george', 'theo')
_NUMBERS = range(3, 8)  # Recordings 3 and 4 are held out.


def recording(digit, speaker, number):
  """Returns a tone whose pitch tells the digit, as TensorFlow Datasets would."""
  length = 1200 + 97 * number + 300 * _SPEAKERS.index(speaker)
  wave = np.sin(2 * math.pi * (400 + 300 * digit) / 8000 * np.arange(length))
  return {
    'audio': (10_000 * wave).astype(np.int64),
    'audio/filename': f'{digit}_{speaker}_{number}.wav',
    'label': digit,
  }


MADE = [recording(d, s, n) for d in range(10) for s in _SPEAKERS for n in _NUMBERS]
TRAINING = [r for r in MADE if int(r['audio/filename'][-5]) > 4]


class MadeDigit(spoken_digit.SpokenDigit):
  """The same pipeline on recordings made here."""

  num_utterances = len(TRAINING)
  shortest_utterance = 16

  def recordings(self):
    columns = {name: [r[name] for r in MADE] for name in MADE[0]}
    columns['audio'] = tf.ragged.constant(columns['audio'], tf.int64)
    return tf.data.Dataset.from_tensor_slices(columns)


@pytest.fixture(scope='module')
def real():
  """Skips where the data is not there."""
  folder = tfds.core.constants.DATA_DIR
  if not tfds.builder('spoken_digit').is_prepared():
    pytest.skip(f'spoken_digit is not in {folder}: set TFDS_DATA_DIR')
  return spoken_digit.SpokenDigit(seed=0)


def test_a_recording_is_cut_into_five_equal_states():
  table = MadeDigit(0).table(source.TRAIN)
  for index, made in enumerate(TRAINING):
    labels = table.labels[table.owner == index].numpy()
    frames = 1 + (len(made['audio']) - 200) // 80
    expected = [made['label'] * 5 + 5 * t // frames for t in range(frames)]
    np.testing.assert_array_equal(labels, expected)


def test_frames_are_normalised_log_mel_energies():
  table = MadeDigit(0).table(source.TRAIN)
  samples = TRAINING[3]['audio'].astype(np.float32) / 2**15
  np.testing.assert_allclose(
    table.frames[table.owner == 3],
    features.normalise(features.log_mel(samples)),
    atol=1e-5,
  )


def test_recordings_0_to_4_are_held_out():
  made = MadeDigit(0)
  held_out, training = made.table(source.HOLDOUT), made.table(source.TRAIN)
  assert len(set(held_out.owner.numpy())) == 10 * len(_SPEAKERS) * 2
  assert len(set(training.owner.numpy())) == len(TRAINING)


def test_real_recordings_have_the_known_numbers_of_frames(real):
  training, held_out = real.table(source.TRAIN), real.table(source.HOLDOUT)
  assert int(held_out.size()) == 9_627
  assert int(training.size()) == real.num_training_frames == 97_531 - 9_627
  utterances, lengths = np.unique(training.owner, return_counts=True)
  assert len(utterances) == real.num_utterances
  assert lengths.min() == real.shortest_utterance
  assert set(held_out.labels.numpy()) == set(range(real.num_classes))


def test_real_minibatches_run_in_a_function(real):
  @tf.function
  def first(replica):
    return next(iter(real.minibatches(replica, 4, 0, 64, 10)))

  real.prepare()
  inputs, labels = first(tf.constant(1))
  assert inputs.shape == (64, 440) and labels.shape == (64,)
  np.testing.assert_allclose(np.std(inputs), 1, atol=0.2)


def test_without_data_and_network_the_remedy_is_named(monkeypatch, tmp_path):
  def unreachable(unused_url, timeout):
    raise ConnectionError('no network\nno luck')

  monkeypatch.setattr(tfds.core.constants, 'DATA_DIR', str(tmp_path))
  monkeypatch.setattr(urllib.request, 'urlopen', unreachable)
  with pytest.raises(errors.UserError) as raised:
    spoken_digit.SpokenDigit(seed=0).prepare()
  assert 'set TFDS_DATA_DIR' in str(raised.value)
  assert 'no network' in str(raised.value) and '\n' not in str(raised.value)
