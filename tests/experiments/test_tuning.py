"""The best rate of a grid."""

import math

import pytest

from distbelief.experiments import tuning
from distbelief.experiments.tuning import Score

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


def test_what_was_not_reached_is_null():
  found = tuning.best({1.0: Score(INF, NAN)}).as_json()
  assert found['scores'] == [{'rate': 1.0, 'seconds': None, 'accuracy': None}]
  (found,) = tuning.best({1.0: Score(INF, NAN, NAN)}).as_json()['scores']
  assert found['loss'] is None
