"""What scripts/side_by_side.py compares, once and short, with bounds 3 times as wide."""

import pytest

from distbelief.experiments import side_by_side
from tests.cluster import runs


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_downpour_and_synchronous_side_by_side(tmp_path, monkeypatch):
  monkeypatch.chdir(runs.ROOT)
  # So many that the windows of a few steps at a run's end are a small part of it.
  (found,) = side_by_side.repeat(tmp_path, repetitions=1, num_steps=416)
  for case, measured in found.items():
    assert sum(measured.steps) == (20 if '20 steps' in case else 416), case
  for case in ('synchronous, equal', 'synchronous, one slow', 'synchronous, latency'):
    assert found[case].steps == [104] * 4
  runs.assert_hold(side_by_side.CLAIMS, found)
