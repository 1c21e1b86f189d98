"""Figure 4: whose warm start lasts how long, and what has no curve."""

import matplotlib.colors
import pytest

from distbelief.pictures import accuracy, style

# Two seeds each; a minibatch of the second method takes twice as long.
SHORT = accuracy.Line(
  2 * [[-2.0, 0.0, 6.0]], [[0.1, 0.2, 0.5], [0.1, 0.2, 0.7]], 2 * [[0.1, 0.2, 0.6]]
)
LONG = SHORT._replace(seconds=[[-4.0, 0.0, 9.0], [-4.5, 0.0, 8.0]])
COLD = SHORT._replace(seconds=2 * [[1.0, 2.0, 6.0]])


@pytest.fixture
def drawn(monkeypatch):
  """The panels of a picture, instead of a file."""
  monkeypatch.setattr(style, 'png', lambda made: made)
  return lambda *arguments, **more: accuracy.picture(*arguments, **more).axes


def test_what_all_warm_starts_last_is_common():
  assert accuracy.common_begin([SHORT, LONG]) == -2
  assert accuracy.common_begin([LONG, COLD]) == -4  # What is cold has none.
  assert accuracy.common_begin([COLD]) == 0


def test_a_line_has_the_times_of_all_its_seeds():
  assert (LONG.begin, LONG.of_part('holdout').end) == (-4, 8)
  times, bands = SHORT.of_part('training').between(0, 6)
  assert (times[0], times[-1]) == (0, 6)
  assert bands[:, -1] == pytest.approx([0.5, 0.6, 0.7])


def test_each_method_has_its_own_warm_start(drawn):
  panels = drawn({'short': SHORT, 'long': LONG, 'cold': COLD}, 0.5, 'title')
  for axes in panels:
    spans = [(line.get_xdata()[0], line.get_xdata()[-1]) for line in axes.lines[:5]]
    assert spans == [(-2, 0), (0, 6), (-4, 0), (0, 8), (1, 6)]
    thin, thick = axes.lines[:2]
    assert thin.get_linewidth() < thick.get_linewidth()
    assert thin.get_color() == thick.get_color()


def test_the_same_on_another_clock_is_dashed_in_its_colour(drawn):
  panels = drawn({'a': SHORT}, None, 'title', dashed=[LONG], unit='seconds')
  *_, solid, dashed = panels[0].lines
  assert (solid.get_linestyle(), dashed.get_linestyle()) == ('-', '--')
  assert matplotlib.colors.same_color(solid.get_color(), dashed.get_color())
  assert (dashed.get_xdata()[0], dashed.get_xdata()[-1]) == (0, 8)
  assert panels[0].get_xlabel() == 'seconds since the end of the warm start'


def test_what_is_missing_has_its_place_in_the_legend(drawn):
  panels = drawn({'a': SHORT}, None, 'title', missing=['b: not built yet'])
  _, labels = panels[0].get_legend_handles_labels()
  assert labels == ['a', 'b: not built yet']
