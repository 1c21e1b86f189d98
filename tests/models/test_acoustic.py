"""The paper's acoustic network."""

import keras
import numpy as np
import pytest

from distbelief.models import acoustic


def test_the_papers_size_is_42_million():
  with keras.StatelessScope():  # Nothing is allocated.
    model = acoustic.acoustic_dnn((440,), (2560,) * 4, 8192, seed=0)
  assert model.count_params() == 41_777_152


def test_equal_seeds_give_equal_weights_and_others_do_not():
  first, same, other = (
    acoustic.acoustic_dnn((6,), (5, 5), 3, seed).get_weights() for seed in (1, 1, 2)
  )
  for a, b, c in zip(first, same, other):
    np.testing.assert_array_equal(a, b)
    assert a.ndim == 1 or (a != c).all()  # Biases start at 0.


@pytest.mark.parametrize('hidden_units', [(5, 4), ()])
def test_outputs_are_logits_of_a_sigmoid_network(hidden_units):
  model = acoustic.acoustic_dnn((6,), hidden_units, 3, seed=1)
  inputs = np.random.default_rng(0).normal(size=[7, 6]).astype(np.float32)
  *hidden, (weights, bias) = zip(model.get_weights()[::2], model.get_weights()[1::2])
  assert len(hidden) == len(hidden_units)
  expected = inputs
  for w, b in hidden:
    expected = 1 / (1 + np.exp(-(expected @ w + b)))
  found = model(inputs).numpy()
  np.testing.assert_allclose(found, expected @ weights + bias, rtol=1e-5, atol=1e-6)


def test_layers_of_equal_width_start_differently():
  first, second = acoustic.acoustic_dnn((6,), (6, 6), 3, seed=1).get_weights()[:3:2]
  assert (first != second).all()


def test_hidden_weights_are_four_times_glorots():
  weights = acoustic.acoustic_dnn((300,), (100,), 3, seed=1).get_weights()[0]
  limit = 4 * np.sqrt(6 / (300 + 100))
  assert 0.99 * limit < np.abs(weights).max() <= limit


def test_an_image_is_made_a_vector():
  model = acoustic.acoustic_dnn((4, 5, 1), (), 3, seed=1)
  assert model(np.zeros([2, 4, 5, 1])).shape == (2, 3)
  assert model.count_params() == 20 * 3 + 3
