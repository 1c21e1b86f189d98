"""Digits drawn from fonts: a function of the seed, and all of them readable."""

import numpy as np
import pytest

from distbelief import errors
from distbelief.data import font_digits, source


def table(seed=0, number=400, split=source.TRAIN):
  images, digits = font_digits.FontDigits(seed, number).table(split).stored
  return images.numpy(), digits.numpy()


def test_every_font_has_ten_digits_of_one_height():
  drawn = font_digits.glyphs()
  assert drawn.shape == (16, 10, 64, 64, 1)
  ink = drawn.max(axis=-1) > 0.5
  heights = ink.any(axis=3).sum(axis=2)
  assert heights.min() >= 38 and heights.max() <= 52
  edges = [drawn[:, :, 0], drawn[:, :, -1], drawn[:, :, :, 0], drawn[:, :, :, -1]]
  assert max(edge.max() for edge in edges) == 0  # None is cut off.
  flat = ink.reshape(16, 10, -1)
  for font in flat:  # No two digits look the same.
    assert len({digit.tobytes() for digit in font}) == 10


def test_images_are_a_function_of_the_seed_the_split_and_the_index():
  images, digits = table()
  assert images.shape == (400, 28, 28, 1) and set(digits) == set(range(10))
  np.testing.assert_allclose(images[:50], table(number=50)[0], atol=1e-5)
  for other in (table(seed=1), table(split=source.HOLDOUT)):
    assert (other[1][:400] != digits).mean() > 0.8
  assert len(table(split=source.HOLDOUT)[0]) == font_digits.NUM_HOLDOUT


def test_strokes_are_1_and_the_ground_is_0():
  images, _ = table()
  assert np.median(images) == pytest.approx(0, abs=0.1)
  assert np.percentile(images, 99) == pytest.approx(1.15, abs=0.2)
  ink = (images > 0.5).mean(axis=(1, 2, 3))
  assert ink.min() > 0.02 and ink.max() < 0.5


def test_without_turning_an_upright_one_stays_in_the_middle():
  drawing = font_digits.glyphs()[:1, 1]  # A one of DejaVu Sans.
  seen = font_digits._seen(drawing, np.full([1, 4], 0.5, np.float32)).numpy()[0, :, :, 0]
  rows, columns = np.indices(seen.shape)
  assert (seen * rows).sum() / seen.sum() == pytest.approx(13.5, abs=1)
  assert (seen * columns).sum() / seen.sum() == pytest.approx(13.5, abs=1.5)


def test_more_of_a_turn_goes_clockwise_and_shifts_go_right_and_down():
  drawing = font_digits.glyphs()[:1, 1]
  middle = np.full([1, 4], 0.5, np.float32)

  def centre(**changed):
    uniform = middle.copy()
    for index, name in enumerate(('turn', 'right', 'down', 'scale')):
      uniform[0, index] = changed.get(name, 0.5)
    seen = font_digits._seen(drawing, uniform).numpy()[0, :, :, 0]
    rows, columns = np.indices(seen.shape)
    return (
      (seen * rows).sum() / seen.sum(),
      (seen * columns).sum() / seen.sum(),
      seen.sum(),
    )

  row, column, ink = centre()
  assert centre(right=1.0)[1] - column == pytest.approx(0.14 * 28, abs=0.3)
  assert centre(down=0.0)[0] - row == pytest.approx(-0.14 * 28, abs=0.3)
  assert centre(scale=0.0)[2] / ink == pytest.approx(1.25**2, rel=0.1)
  assert centre(turn=1.0)[2] / ink == pytest.approx(1, rel=0.05)


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
  font_digits.glyphs.cache_clear()
  monkeypatch.setitem(__import__('sys').modules, 'matplotlib', None)
  with pytest.raises(errors.UserError, match='pip install matplotlib'):
    font_digits.FontDigits(0, 10).prepare()
