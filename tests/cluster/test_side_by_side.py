"""What experiments/side_by_side.py has, once and short, with bounds 3 times as wide."""

import pytest

from distbelief import run as run_lib
from distbelief.experiments import runs as experiment_runs
from distbelief.experiments import side_by_side
from tests import runs, warm


@pytest.mark.cluster
@pytest.mark.timeout(600)
@pytest.mark.alone
def test_downpour_and_synchronous_side_by_side(tmp_path, monkeypatch):
  monkeypatch.chdir(runs.ROOT)
  # So many that the windows of a few steps at a run's end are a small part of it.
  warm.instead_of_subprocess(monkeypatch, run_lib)
  cases, measure = side_by_side.CASES, side_by_side.measure
  (found,) = experiment_runs.repeat(
    side_by_side.CONFIG, cases, measure, tmp_path, 1, num_steps=416, at_a_time=2
  )
  for case, measured in found.items():
    assert sum(measured.steps) == (20 if '20 steps' in case else 416), case
  for case in ('synchronous, equal', 'synchronous, one slow', 'synchronous, latency'):
    assert found[case].steps == [104] * 4
  runs.assert_hold(side_by_side.CLAIMS, found)
