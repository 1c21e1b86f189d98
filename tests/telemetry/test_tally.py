"""Running figures, from logs that are made up."""

import numpy as np
import pytest

from distbelief.telemetry import steps, tally
from tests.telemetry.made_up import DROPPED, LOST, log, push

NO_LOG = np.empty([0, len(steps.LOG_COLUMNS) + len(steps.COLUMNS) + 2])


def test_figures_are_over_what_came_since_they_were_last_taken():
  running = tally.Tally(batch_size=8)
  running.add_log(0, log(1, push(0, 0, loss=1.0, accuracy=0.5)))
  # Two steps of one push; versions 2 and 3 came after its oldest parameters.
  running.add_log(0, log(4, push(1, 2, held=[1], loss=4.0, accuracy=0.25)))
  assert running.take() == {
    'train/loss': 3.0,
    'train/accuracy': pytest.approx(1 / 3),
    'staleness/mean': 1.0,
    'staleness/max': 2.0,
    'throughput/examples_per_second': 0.0,
  }
  assert running.take() == {'throughput/examples_per_second': 0.0}


def test_a_push_is_as_stale_as_its_oldest_gradient():
  running = tally.Tally(8)
  young, old = push(2, 2, held=[5]), push(1, 1, held=[3])
  running.add_log(0, log(7, young + old))
  assert running.take()['staleness/mean'] == 3


def test_losses_count_once_and_staleness_at_every_shard():
  running = tally.Tally(8)
  running.add_log(0, log(1, push(0, 0, held=[0, 0], loss=1.0)))
  running.add_log(1, log(5, push(0, 0, held=[0, 2], loss=9.0)))
  figures = running.take()
  assert figures['train/loss'] == 1
  assert (figures['staleness/mean'], figures['staleness/max']) == (1, 2)


@pytest.mark.parametrize('status', [DROPPED, LOST])
def test_only_what_was_applied_counts(status):
  running = tally.Tally(8)
  running.add_log(0, log(3, push(0, 0, loss=np.nan), status))
  running.add_log(0, NO_LOG)
  assert running.take().keys() == {'throughput/examples_per_second'}


def test_the_rate_is_that_of_the_last_seconds():
  running = tally.Tally(batch_size=8)
  running.add_progress(0, 0)
  assert running.examples_per_second() == 0
  for second in range(1, 11):
    running.add_progress(second, 100 * second)  # 800 examples/s.
  assert running.examples_per_second() == 800
  for second in range(11, 17):
    running.add_progress(second, 1000 + 10 * (second - 10))
  assert running.examples_per_second() == 80


def test_looks_that_are_far_apart_still_give_a_rate():
  running = tally.Tally(batch_size=1)
  for second in (0, 100, 200):
    running.add_progress(second, 3 * second)
  assert running.examples_per_second() == 3
