"""The paper's image network: unshared filters, pooling, local contrast."""

import keras
import numpy as np
import pytest

from distbelief.models import image, losses


def network(shape=(28, 28, 1), maps=(8, 8, 8), patch=10, stride=2, pool=2, classes=10):
  return image.image_network(shape, maps, patch, stride, pool, classes, seed=1)


def arithmetic(shape, maps, patch, stride, pool, classes):
  """Parameters by hand: each position has weights of its own."""
  height, width, channels = shape
  total = 0
  for index, m in enumerate(maps):
    step = 1 if index else stride
    height, width = -(-height // step), -(-width // step)
    total += height * width * m * (patch * patch * channels + 1)
    height, width, channels = -(-height // pool), -(-width // pool), m
  return total + (height * width * channels + 1) * classes


@pytest.mark.parametrize(
  'sizes',
  [
    ((28, 28, 1), (8, 8, 8), 10, 2, 2, 10),
    ((100, 100, 3), (8, 8, 8), 10, 1, 2, 1000),
    ((100, 100, 3), (36, 36, 36), 10, 4, 3, 1000),
    ((17, 40, 2), (3,), 5, 3, 4, 2),
    ((4, 4, 1), (2, 2), 10, 1, 2, 3),  # A patch may be larger than the image.
  ],
)
def test_the_number_of_parameters_is_that_of_arithmetic(sizes):
  with keras.StatelessScope():  # Nothing is allocated.
    model = network(*sizes)
  assert model.count_params() == arithmetic(*sizes)
  assert model.output_shape == (None, sizes[-1])


def test_the_paper_like_sizes():
  with keras.StatelessScope():
    assert network().count_params() == 575_218
    large = network((100, 100, 3), (8, 8, 8), 10, 1, 2, 1000)
  assert large.count_params() == 45_458_000  # 24.1 + 16.0 + 4.0 + 1.4 million.


@pytest.mark.parametrize(('patch', 'stride'), [(3, 1), (4, 2), (10, 3)])
def test_local_filters_equal_a_slow_loop(patch, stride):
  layer = image.LocalFilters(2, patch, stride)
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=[3, 7, 6, 2]).astype(np.float32)
  found = layer(inputs).numpy()
  kernel, bias = (np.asarray(w) for w in layer.get_weights())
  bias += 0.5
  layer.bias.assign(bias)
  found = layer(inputs).numpy()
  height, width = -(-7 // stride), -(-6 // stride)
  assert found.shape == (3, height, width, 2)
  assert kernel.shape == (height * width, 2, patch * patch * 2)
  down, right = ((n - 1) * stride + patch for n in (height, width))
  padded = np.zeros([3, max(down, 7), max(right, 6), 2])
  top, left = max(down - 7, 0) // 2, max(right - 6, 0) // 2
  padded[:, top : top + 7, left : left + 6] = inputs
  for i in range(height):
    for j in range(width):
      y, x = i * stride, j * stride
      seen = padded[:, y : y + patch, x : x + patch].reshape(3, -1)
      expected = seen @ kernel[i * width + j].T + bias[i * width + j]
      np.testing.assert_allclose(found[:, i, j], expected, rtol=1e-4, atol=1e-5)


def test_initial_filters_have_lecuns_scale():
  layer = image.LocalFilters(4, 10)
  layer.build((None, 12, 12, 3))
  kernel, bias = layer.get_weights()
  assert np.abs(kernel).max() <= np.sqrt(3 / 300) and not bias.any()
  assert kernel.std() == pytest.approx(np.sqrt(1 / 300), rel=0.02)
  assert (kernel[0] != kernel[1]).all()


def test_pooling_is_the_root_of_the_sum_of_squares():
  maps = np.array([[3, 0, 1], [4, 0, 2]], np.float32).reshape(1, 2, 3, 1)
  found = image.L2Pooling(2)(maps).numpy()[0, 0, :, 0]
  np.testing.assert_allclose(found[0], 5, rtol=1e-4)
  assert found.shape == (2,)


def slow_contrast(maps, width, least):
  """[H, W, M] to the same, one position at a time."""
  height, length, _ = maps.shape
  offsets = np.arange(width) - width // 2
  bell = np.exp(-0.5 * (offsets / (width / 4)) ** 2)

  def mean(values, i, j):
    total = weights = 0.0
    for di, wi in zip(offsets, bell):
      for dj, wj in zip(offsets, bell):
        if 0 <= i + di < height and 0 <= j + dj < length:
          total += wi * wj * values[i + di, j + dj].mean()
          weights += wi * wj
    return total / weights

  places = [(i, j) for i in range(height) for j in range(length)]
  centred, result = np.zeros_like(maps), np.zeros_like(maps)
  for i, j in places:
    centred[i, j] = maps[i, j] - mean(maps, i, j)
  for i, j in places:
    result[i, j] = centred[i, j] / max(np.sqrt(mean(centred**2, i, j) + 1e-7), least)
  return result


@pytest.mark.parametrize('scale', [1.0, 1e-3])
def test_local_contrast_equals_a_slow_loop(scale):
  maps = scale * np.random.default_rng(0).normal(size=[7, 6, 3])
  found = image.LocalContrast()(maps[np.newaxis].astype(np.float32)).numpy()[0]
  np.testing.assert_allclose(found, slow_contrast(maps, 5, 0.01), rtol=1e-3, atol=1e-4)


def test_one_vs_all_is_a_logistic_regression_for_each_class():
  logits = np.array([[0.5, -1, 2], [3, 0, -2]])
  labels = np.array([2, 0])
  likelihood = 1 / (1 + np.exp(-logits))
  wanted = np.eye(3)[labels]
  expected = -np.log(np.where(wanted == 1, likelihood, 1 - likelihood)).sum(1)
  found = losses.OneVsAll()(labels, logits)
  np.testing.assert_allclose(found, expected.mean(), rtol=1e-5)


def test_keras_loads_what_it_saved(tmp_path):
  model = network((12, 12, 1), (2, 2), 4, 2, 2, 3)
  model.compile('sgd', losses.OneVsAll(), metrics=['accuracy'], jit_compile=False)
  images = np.random.default_rng(0).normal(size=[5, 12, 12, 1]).astype(np.float32)
  model.save(tmp_path / 'model.keras')
  loaded = keras.models.load_model(tmp_path / 'model.keras')
  np.testing.assert_allclose(loaded(images), model(images), rtol=1e-5)
  assert loaded.evaluate(images, np.arange(5) % 3, verbose=0) == pytest.approx(
    model.evaluate(images, np.arange(5) % 3, verbose=0), rel=1e-4
  )
