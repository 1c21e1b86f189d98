"""Curves of accuracy: what counts from the end of the warm start."""

import csv
import io
import math

import pytest

from distbelief.experiments import curves
from distbelief.experiments.curves import Curve
from tests.experiments import made_up


def test_time_and_steps_count_from_the_end_of_the_warm_start():
  found = made_up.curve(2.0)
  assert found.seconds_to(0.5) == pytest.approx(2.0)
  assert found.steps_to(0.5) == pytest.approx(20)
  assert found.seconds_to(0.7) == found.steps_to(0.7) == math.inf
  assert (found.start, found.least, found.end) == (0.2, 0.3, 0.6)


def test_a_curve_crosses_between_two_evaluations():
  found = Curve([0.0, 10.0, 20.0], [0, 1, 2], [], [0.2, 0.4, 0.5], 0.0, [])
  assert found.seconds_to(0.3) == pytest.approx(5.0)
  assert found.seconds_to(0.2) == 0.0  # It is there from the beginning.


def test_a_touch_is_no_arrival():
  noisy = Curve([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 2, 3, 4], [], [0, 4, 0, 4, 4], 0.0, [])
  assert noisy.seconds_to(2) == 2.5
  assert noisy._replace(holdout=[0, 4, 0, 4, 0]).seconds_to(2) == math.inf


def test_without_a_warm_start_nothing_lies_before():
  found = made_up.curve(2.0)
  found = found._replace(steps=[steps + 5 for steps in found.steps])
  assert math.isnan(found.start)


def test_a_file_has_every_point():
  text = curves.as_csv(('method',), [(('one',), made_up.curve(1.0))])
  rows = list(csv.DictReader(io.StringIO(text)))
  assert len(rows) == 14
  assert rows[3] == {
    'method': 'one',
    'seconds': '1.000',
    'steps': '10.0',
    'training_accuracy': '0.60000',
    'holdout_accuracy': '0.60000',
    'holdout_loss': '1.00000',
  }
