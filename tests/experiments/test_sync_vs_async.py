"""Synchronous against asynchronous: which runs there are, and what decides."""

import math

import pytest

from distbelief import config as config_lib
from distbelief.algorithms import staleness
from distbelief.experiments import runs, sync_vs_async, sync_vs_async_results
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, INF = (0, 1, 2), math.inf
LATENCIES = sync_vs_async.LATENCIES
METHODS = sync_vs_async.methods(LATENCIES)
FAR = {'staleness': 9 * 4 / 7}  # With a latency of three steps.


def measured(changed=None, **times):
  """Each kind of training reaches the target then, by its name; or one method."""
  own = {
    name: times.get(name, times.get(name.partition('_')[0], 3.0)) for name in METHODS
  }
  changed = {'async_light_3': FAR} | (changed or {})
  return made_up.sweep(METHODS, SEEDS, own, **changed)


def verdicts_of(sweep):
  judged = sync_vs_async_results.judge(sweep, LATENCIES, SEEDS, 0.5)
  return {one.claim: one.verdict for one in judged}


def test_all_kinds_are_trained_everywhere_and_tuned_where_they_differ():
  assert len(METHODS) == 3 * 3 * 4 + 1
  own = {name for name, method in METHODS.items() if not method.tuned_as}
  asynchronous = {
    *('async_equal_0', 'async_equal_0.1', 'async_light_0', 'async_light_1'),
    *('async_heavy_0', 'async_heavy_1'),
  }
  assert own == {'sync_light_0', 'backup_light_0', 'overlap_light_3', *asynchronous}
  assert METHODS['async_heavy_3'].tuned_as == 'async_heavy_1'
  assert METHODS['sync_heavy_3'].tuned_as == 'sync_light_0'


@pytest.mark.parametrize('latencies', [(0.0,), (0.0, 3.0), LATENCIES])
def test_rates_come_from_a_method_with_a_grid(latencies):
  methods = sync_vs_async.methods(latencies)
  for method in methods.values():
    if method.tuned_as:
      like = methods[method.tuned_as]
      assert not like.tuned_as and like.rates == method.rates


@pytest.mark.parametrize('name', METHODS)
def test_every_run_can_be(name):
  method, fields = METHODS[name], sync_vs_async.fields(sync_vs_async.NUM_STEPS)
  config = runs.load(sync_vs_async.CONFIG, {**fields, **method.fields})
  config_lib.check(config, 'virtual')
  assert config_lib.num_replicas(config) == method.replicas == sync_vs_async.REPLICAS
  assert config.cluster.step_seconds == sync_vs_async.STEP
  unit = config_lib.step_unit(config).steps
  assert config.eval_steps % unit == 0  # All are evaluated after as many minibatches.
  base = METHODS['async_light_0'].rates
  assert method.rates == pytest.approx([unit * rate for rate in base])


@pytest.mark.parametrize('latency', LATENCIES)
def test_latency_leaves_a_part_of_the_staleness(latency):
  config = runs.load(sync_vs_async.CONFIG, {})
  here = staleness.Conditions(10, 0.1, latency_seconds=0.1 * latency)
  theory = staleness.downpour(config, here)
  assert theory == pytest.approx(9 * sync_vs_async.staleness_left(latency))


def test_who_is_faster_decides():
  found = verdicts_of(measured(sync=2.0, backup=1.0))
  assert found['S2'] is found['R1'] is Verdict.CONFIRMED
  assert found['S2-tail'] is found['S2-latency'] is Verdict.REFUTED
  assert found['S2-convergence'] is Verdict.CONFIRMED
  found = verdicts_of(measured(sync=3.0, **{'async': 2.0}, overlap=1.0))
  assert found['S2'] is found['S2-convergence'] is found['R1'] is Verdict.REFUTED
  assert found['S2-tail'] is found['S2-overlap'] is Verdict.CONFIRMED
  found = verdicts_of(measured(sync_equal_0=INF, async_equal_0=INF))
  assert found['S2'] is Verdict.NOT_VALID and found['S2-tail'] is Verdict.UNDECIDED


def test_asynchronous_runs_must_be_as_stale_as_theory_says():
  found = verdicts_of(measured({'async_light_3': {'staleness': 9.0}}))
  assert found['S2-latency'] is Verdict.NOT_VALID
  assert found['S2-overlap'] is Verdict.UNDECIDED  # There is no theory of it.
  found = verdicts_of(measured({'async_heavy_0': {'staleness': 7.0}}))
  assert {claim for claim, verdict in found.items() if verdict is Verdict.NOT_VALID} == {
    *('S2-tail', 'R1', 'R1-accuracy'),
    'R2',  # For another reason: stragglers cost nothing here.
  }


def test_the_number_of_rates_that_work_decides():
  sweep = measured()
  assert verdicts_of(sweep)['S2-tuning'] is Verdict.REFUTED  # One and one.
  names = sync_vs_async.ranges_of(LATENCIES)
  for seed in SEEDS:
    sweep.curves[Point(names[0], 4.0, seed)] = made_up.curve(1.0)
  assert verdicts_of(sweep)['S2-tuning'] is Verdict.NOT_VALID  # Its range may go on.
  for name in names:  # The grid goes on instead.
    scores = sweep.tuned[name].scores
    sweep.tuned[name] = sweep.tuned[name]._replace(scores={**scores, 8.0: scores[4.0]})
    for seed in SEEDS:
      sweep.curves[Point(name, 8.0, seed)] = made_up.curve(INF)
  assert verdicts_of(sweep)['S2-tuning'] is Verdict.CONFIRMED


def test_backups_win_back_what_stragglers_cost():
  times = {'sync_equal_0': 1.0, 'sync_heavy_0': 4.0}
  assert verdicts_of(measured(**times, backup=2.0))['R2'] is Verdict.CONFIRMED
  assert verdicts_of(measured(**times, backup=3.0))['R2'] is Verdict.REFUTED
  assert verdicts_of(measured(**times, backup=INF))['R2'] is Verdict.NOT_VALID
  assert verdicts_of(measured(backup=2.0))['R2'] is Verdict.NOT_VALID


def test_accuracy_is_compared_in_points():
  found = verdicts_of(measured({'backup_heavy_0': {'end': 0.61}}))
  assert found['R1-accuracy'] is Verdict.CONFIRMED
  found = verdicts_of(measured({'backup_heavy_0': {'end': 0.59}}))
  assert found['R1-accuracy'] is Verdict.REFUTED
  assert verdicts_of(measured())['R1-accuracy'] is Verdict.UNDECIDED


def test_the_table_has_the_rows_of_the_text():
  sweep = measured(sync_heavy_3=INF)
  for point in sweep.curves:
    waits = 0.5 if point.method.startswith('sync') else 0.0
    sweep.summaries[point] = {'replicas': [{'waiting': waits}, {'waiting': None}]}
  _, _, *lines = sync_vs_async_results.table(sweep, LATENCIES, SEEDS, 0.5).splitlines()
  assert len(lines) == len(METHODS)
  cells = [cell.strip() for cell in lines[0].split('|')[1:-1]]
  assert cells[:2] == ['equal, 0', 'synchronous']
  assert cells[2:] == [
    *('50 [50, 50]', '9.0', '10 [10, 10]', '30 [30, 30]', '60 [60, 60]'),
    *('3 [3, 3]', '2: 1 of 3'),
  ]
  assert 'not reached' in next(line for line in lines if 'heavy-tailed, 3' in line)
