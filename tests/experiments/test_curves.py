"""Curves of accuracy: what counts from the end of the warm start."""

import csv
import io
import math

from distbelief.experiments import curves
from tests.experiments import made_up


def test_time_and_steps_count_from_the_end_of_the_warm_start():
  found = made_up.curve(2.0)
  assert found.seconds_to(0.5) == 2.0 and found.steps_to(0.5) == 20
  assert found.seconds_to(0.1) == 1.0  # It is reached at the start: the next point.
  assert found.seconds_to(0.7) == found.steps_to(0.7) == math.inf
  assert (found.start, found.least, found.end) == (0.2, 0.3, 0.6)


def test_without_a_warm_start_nothing_lies_before():
  found = made_up.curve(2.0)._replace(steps=[5, 10, 15, 20, 25])
  assert math.isnan(found.start) and found.steps_to(0.5) == 20


def test_a_file_has_every_point():
  text = curves.as_csv(('method',), [(('one',), made_up.curve(1.0))])
  rows = list(csv.DictReader(io.StringIO(text)))
  assert len(rows) == 5
  assert rows[2] == {
    'method': 'one',
    'seconds': '1.000',
    'steps': '10',
    'training_accuracy': '0.60000',
    'holdout_accuracy': '0.60000',
  }
