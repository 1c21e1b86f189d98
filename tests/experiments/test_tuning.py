"""The best rate of a grid."""

import math
from pathlib import Path

import pytest

from distbelief.experiments import tuning
from distbelief.experiments.sweep import Method, Sweep
from distbelief.experiments.tuning import Score
from tests.experiments import made_up

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
  ('scores', 'rate', 'at_the_edge'),
  [
    ({1.0: Score(9, 0.5), 2.0: Score(5, 0.4), 4.0: Score(INF, 0.6)}, 2.0, False),
    ({1.0: Score(INF, 0.5), 2.0: Score(INF, 0.4), 4.0: Score(INF, NAN)}, 1.0, True),
    ({4.0: Score(5, 0.5), 1.0: Score(INF, 0.1), 2.0: Score(5, 0.6)}, 2.0, False),
    ({1.0: Score(1, 0.5)}, 1.0, True),
    # Where the loss decides, the accuracy does not.
    ({4.0: Score(INF, 1, 3.0), 1.0: Score(INF, 0, 2.0)}, 1.0, True),
    ({4.0: Score(INF, 1, NAN), 1.0: Score(INF, 0, 2.0)}, 1.0, True),
  ],
)
def test_the_fastest_is_best_and_then_the_most_accurate(scores, rate, at_the_edge):
  found = tuning.best(scores)
  assert (found.rate, found.at_the_edge) == (rate, at_the_edge)


def test_a_grid_moves_on_beyond_its_best_end():
  grid = (0.06, 0.12, 0.25)
  assert tuning.moved(grid, 0.25) == (0.12, 0.25, 0.521)
  assert tuning.moved(grid, 0.06) == (0.03, 0.06, 0.12)


def test_what_was_not_reached_is_null():
  found = tuning.best({1.0: Score(INF, NAN)}).as_json()
  assert found['scores'] == [{'rate': 1.0, 'seconds': None, 'accuracy': None}]
  (found,) = tuning.best({1.0: Score(INF, NAN, NAN)}).as_json()['scores']
  assert found['loss'] is None


def test_a_sweep_moves_its_grids_until_the_best_rate_lies_inside(monkeypatch):
  """The best rate is 8; a method whose grid has it inside is not run again."""
  methods = {
    'low': Method('low', 1, {}, (1.0, 2.0, 4.0)),
    'inside': Method('inside', 1, {}, (4.0, 8.0, 16.0)),
  }
  found = Sweep('made up', Path('nowhere'), methods, 'nothing', {})
  ran = []

  def run(points, title):
    new = [point for point in points if point not in found.curves]
    ran.append([(point.method, point.rate) for point in new])
    for point in new:
      found.curves[point] = made_up.curve(1.0 + abs(math.log2(point.rate / 8)))

  monkeypatch.setattr(found, 'run', run)
  found.tune(3, 0.5)
  assert [found.tuned[name].rate for name in methods] == [8.0, 8.0]
  assert list(found.tuned['low'].scores) == [4.0, 8.0, 16.0]
  assert ran[1:] == [[('low', 8.0)], [('low', 16.0)]]

  found.tune(3, 0.5, moves=False)
  assert list(found.tuned['low'].scores) == [1.0, 2.0, 4.0]
  assert found.tuned['low'].at_the_edge
