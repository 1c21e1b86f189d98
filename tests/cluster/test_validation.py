"""What experiments/validation.py measures, once and short, bounds 3 times as wide."""

import pytest

from distbelief.experiments import process_stats, validation
from tests import runs, warm


@pytest.mark.cluster
@pytest.mark.alone
def test_the_simulator_tells_beforehand_what_a_cluster_does(tmp_path, monkeypatch):
  monkeypatch.chdir(runs.ROOT)
  warm.instead_of_subprocess(monkeypatch, process_stats)
  alone = {**validation.ALONE['alone'].fields, 'num_steps': 100, 'eval_steps': 20}
  fast = {**validation.FAST['alone'], 'num_steps': 3000, 'eval_steps': 150}
  three = {**alone, 'cluster.num_replicas': 3, 'num_steps': 210, 'eval_steps': 70}
  cases = {
    '3 replicas': validation.Case(three),
    '3 replicas, overlapped': validation.Case({**three, 'downpour.overlap': True}),
  }
  monkeypatch.setattr(validation, 'ALONE', {'alone': validation.Case(alone)})
  monkeypatch.setattr(validation, 'FAST', {'alone': fast})
  monkeypatch.setattr(validation, 'cases', lambda: cases)
  measured = validation.repeat(tmp_path / 'cluster', 1)
  predicted = validation.predict(tmp_path / 'predicted', measured)
  for name, (truth,) in measured.runs.items():
    found = validation.compare(truth, predicted[name])
    off = found['off']
    assert abs(off['updates_per_second']) <= 3 * validation.THROUGHPUT, name
    most = max(validation.STALENESS, validation.SPREAD * truth.staleness)
    assert abs(off['staleness']) <= 3 * most, name
  # About M - 1 and 2 M - 1: the simulator tells the two apart as the cluster does.
  for found in ({n: r for n, (r,) in measured.runs.items()}, predicted):
    assert found['3 replicas, overlapped'].staleness > found['3 replicas'].staleness + 1
