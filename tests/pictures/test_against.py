"""Measurements against a size: what the seeds that miss a target do to a point."""

import math

import numpy as np
import pytest

from distbelief.pictures import against, style


@pytest.fixture
def axes(monkeypatch):
  """The axes of a picture, instead of a file."""
  monkeypatch.setattr(style, 'png', lambda made: made)

  def draw(line):
    (found,) = against.picture([against.Panel('x', 'y', {'a': line})], 'title').axes
    return found

  return draw


def test_the_median_counts_what_never_arrives(axes):
  seeds = [[1.0, 2.0, 3.0], [4.0, 8.0, math.inf], [5.0, math.inf, math.inf]]
  found = axes(against.Line([1, 2, 4], seeds))
  *_, line = found.lines
  np.testing.assert_array_equal(line.get_ydata(), [2.0, 8.0, np.nan])
  assert [text.get_text() for text in found.texts] == ['1 of 3 never', '2 of 3 never']
  (bars,) = found.collections
  spans = [segment[:, 1].tolist() for segment in bars.get_segments()]
  assert spans == [[1.0, 3.0], [4.0, 8.0], [5.0, 5.0]]
