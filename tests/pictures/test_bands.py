"""Lines over several seeds."""

import numpy as np

from distbelief.pictures import bands, style

LINE = bands.Line(
  [[0, 10], [1, 10], [2, 12]], [[0, 10], [2, 20], [6, 36]]
)  # x, 2 x, 3 x.


def drawn(first=None, line=LINE):
  axes = style.figure(3, 3).subplots()
  bands.draw(axes, 0, 'label', line, first)
  return axes


def test_a_line_is_the_median_of_the_seeds_as_far_as_all_have_values():
  axes = drawn()
  (line,) = axes.lines
  x, y = line.get_data()
  assert (x[0], x[-1]) == (2, 10)
  np.testing.assert_allclose(y, 2 * x)
  (area,) = axes.collections
  corners = area.get_paths()[0].vertices
  assert (corners[:, 1].min(), corners[:, 1].max()) == (2, 30)


def test_a_line_may_begin_elsewhere_or_not_be_there():
  (line,) = drawn(first=5.0).lines
  assert line.get_xdata()[0] == 5
  assert not drawn(line=bands.Line([[], [1, 2]], [[], [1, 2]])).lines


def test_a_picture_has_as_many_panels_as_it_needs():
  panels = [bands.Panel('x', 'y', {'one': LINE, 'other': LINE}, flag) for flag in (0, 1)]
  assert bands.picture(panels, 'title', 'stamp').startswith(b'\x89PNG')
  assert bands.picture([*panels, panels[0]], 'title').startswith(b'\x89PNG')
