"""How flat the loss is around a point: quadratics, of which it is known."""

import numpy as np
import pytest

from distbelief.analysis import flatness

UNITS = 3
WEIGHTS = np.random.default_rng(1).normal(size=[50, UNITS])
BIAS = np.ones([UNITS])


def quadratic(curvature, slope=0.0):
  def loss(params):
    kernel, bias = params
    off = kernel - WEIGHTS
    return float(curvature / 2 * np.sum(off**2) + slope * off.sum() + bias.sum())

  return loss


def test_the_rise_over_a_quadratic_is_half_its_curvature_times_the_square_of_the_step():
  found = flatness.rise(quadratic(4.0), [WEIGHTS, BIAS], 0.5, 3)
  assert found == pytest.approx(4.0 / 2 * 0.5**2 * np.sum(WEIGHTS**2))
  sharper = flatness.rise(quadratic(8.0), [WEIGHTS, BIAS], 0.5, 3)
  assert sharper == pytest.approx(2 * found)


def test_a_slope_cancels_out():
  flat = flatness.rise(quadratic(0.0, slope=5.0), [WEIGHTS, BIAS], 0.5, 2)
  assert flat == pytest.approx(0.0, abs=1e-9)


def test_every_unit_moves_by_the_length_of_its_weights_and_biases_stay():
  scaled = WEIGHTS * [1.0, 10.0, 0.0]
  kernel, bias = flatness.direction([scaled, BIAS], np.random.default_rng(0))
  np.testing.assert_allclose(
    np.linalg.norm(kernel, axis=0), np.linalg.norm(scaled, axis=0)
  )
  assert not bias.any()
  maps = np.random.default_rng(2).normal(size=[3, 3, 2, 4])
  (moved,) = flatness.direction([maps], np.random.default_rng(0))
  np.testing.assert_allclose((moved**2).sum((0, 1, 2)), (maps**2).sum((0, 1, 2)))


def test_the_same_seed_has_the_same_directions():
  loss = lambda params: float(params[0].ravel() @ np.arange(150) ** 2)  # noqa: E731
  square = lambda params: loss([params[0] ** 2])  # noqa: E731
  one, same, other = (
    flatness.rise(square, [WEIGHTS], 0.1, 1, seed) for seed in (0, 0, 1)
  )
  assert one == same != other
