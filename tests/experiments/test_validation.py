"""How the simulator is held to clusters: what it is told, and what is compared."""

import json

import pytest

from distbelief.experiments import process_stats, validation
from scripts.benchmarks import simulator_speed
from tests.runs import ROOT

_QUANTILES = [float(q) for q in range(25)]


def measured(rate=10.0, staleness=12.0, quantiles=_QUANTILES, seconds=20.0):
  return validation.Measured(rate, staleness, quantiles, seconds, 0.5)


def test_what_is_equal_holds():
  found = validation.compare(measured(), measured())
  assert found['holds'] == dict.fromkeys(
    ('updates_per_second', 'staleness', 'seconds_to_target'), True
  )
  assert found['off'] == dict.fromkeys(
    ('updates_per_second', 'staleness', 'distribution', 'seconds_to_target'), 0
  )


@pytest.mark.parametrize(
  ('what', 'near', 'far'),
  [
    ('updates_per_second', {'rate': 10.9}, {'rate': 8.9}),
    ('staleness', {'staleness': 10.9}, {'staleness': 13.3}),
    ('seconds_to_target', {'seconds': 23.9}, {'seconds': 15.9}),
    ('seconds_to_target', {'seconds': 16.1}, {'seconds': None}),  # It never gets there.
  ],
)
def test_what_is_off_by_too_much_does_not_hold(what, near, far):
  assert validation.compare(measured(), measured(**near))['holds'][what]
  found = validation.compare(measured(), measured(**far))
  assert [name for name, holds in found['holds'].items() if not holds] == [what]
  table = validation.table({'a case': found}).splitlines()
  cells = [cell.strip() for cell in table[-1].split('|')[1:-1]]
  assert (cells[0], cells[-1]) == ('a case', f'no: {what}')


def test_little_staleness_may_be_off_by_a_part_of_an_update():
  found = validation.compare(measured(staleness=0.0), measured(staleness=0.29))
  assert found['holds']['staleness']
  found = validation.compare(measured(staleness=0.0), measured(staleness=0.31))
  assert not found['holds']['staleness']


def test_a_target_that_neither_reaches_is_not_compared():
  found = validation.compare(measured(seconds=None), measured(seconds=None))
  assert 'seconds_to_target' not in {**found['off'], **found['holds']}


def test_distributions_are_compared_by_their_quantiles():
  shifted = [q + 2 for q in _QUANTILES]
  found = validation.compare(measured(), measured(quantiles=shifted))
  assert found['off']['distribution'] == pytest.approx(2)


def test_medians_are_taken_number_by_number():
  runs = [measured(rate=r, seconds=s) for r, s in ((1, 9.0), (2, 7.0), (9, 8.0))]
  found = validation.median(runs)
  assert (found.updates_per_second, found.seconds_to_target) == (2, 8.0)
  assert found.quantiles == _QUANTILES
  assert validation.median([*runs, measured(seconds=None)]).seconds_to_target is None


def test_a_shard_s_bandwidth_is_that_of_its_processor():
  told = validation.Durations(step=0.2, travel=0.010, shard=0.004).fields(1e6)
  assert told['simulation.shard_bandwidth'] == pytest.approx(2e6 / 0.004)
  # All of a step's travel comes out as measured, fetch and push together.
  served = 2 * 1e6 / told['simulation.shard_bandwidth']
  assert 2 * told['cluster.latency_seconds'] + served == pytest.approx(0.010)
  # A shard may work for longer than its client waits.
  told = validation.Durations(step=0.2, travel=0.003, shard=0.004).fields(1e6)
  assert told['cluster.latency_seconds'] == 0


def test_what_is_measured_is_one_replica_and_what_is_predicted_are_more():
  for case in validation.ALONE.values():
    assert case.fields['cluster.num_replicas'] == 1
  cases = validation.cases()
  assert {case.alone for case in cases.values()} == set(validation.ALONE)
  sizes = [case.fields['cluster.num_replicas'] for case in cases.values()]
  assert set(sizes) == set(validation.REPLICAS)
  assert sizes.count(1) == 2  # To see whether one replica at least comes out.


def test_speed_is_told_by_runs_of_different_lengths(monkeypatch, tmp_path):
  """A start of 7 seconds, 3 ms an update in one process and 2 ms in the simulator."""

  def run(workdir, algorithm, num_steps, num_replicas):
    assert num_replicas == {'sgd': 1, 'downpour': 20}[algorithm]
    each = {'sgd': 3e-3, 'downpour': 2e-3}[algorithm]
    return simulator_speed.Command(7 + each * num_steps, 1.0, 1 + 0.9 * each * num_steps)

  monkeypatch.setattr(simulator_speed, 'run', run)
  found = simulator_speed.pairs(tmp_path, 3, lambda line: None)
  assert found['milliseconds'] == pytest.approx([2] * 3)
  assert found['ratio']['median'] == pytest.approx(1.5) and found['ratio']['holds']
  assert found['bookkeeping']['median'] == pytest.approx(0.1)
  assert found['bookkeeping']['holds']


def test_a_command_of_the_simulator_is_measured(monkeypatch, tmp_path):
  monkeypatch.chdir(ROOT)
  took = simulator_speed.run(tmp_path / 'run', 'downpour', 30, 3, (8,))
  assert 0 < took.computing < took.seconds and 0.1 < took.gigabytes < 4
  summary = json.loads((tmp_path / 'run' / 'summary.json').read_text())
  assert (summary['clock'], summary['steps']) == ('virtual', 30)


def test_a_command_s_words():
  words = process_stats.command('a.py', ROOT, {'num_steps': 3}, 'virtual')
  assert words[1:5] == ['-m', 'distbelief', 'train', '--config=a.py']
  assert words[-2:] == ['--clock=virtual', '--config.num_steps=3']
