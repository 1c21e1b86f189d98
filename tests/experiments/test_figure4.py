"""Figure 4: what is measured of the curves, and how the claims are judged."""

import math
from pathlib import Path

import pytest

from distbelief.experiments import figure4, figure4_results, tuning
from distbelief.experiments.sweep import Point, Sweep
from distbelief.experiments.tuning import Score
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS = (0, 1, 2)
ALL = {'sgd_1': 4.0, 'fixed_20': 3.0, 'adagrad_20': 2.0, 'adagrad_200': 1.0}


def verdicts_of(sweep):
  return {judged.claim: judged for judged in figure4.judge(sweep, SEEDS, 0.5)}


def measured(times, **changed):
  return made_up.sweep(figure4.METHODS, SEEDS, times, **changed)


def test_times_decide():
  found = verdicts_of(measured(ALL))
  assert {claim: judged.verdict for claim, judged in found.items()} == {
    'C4': Verdict.CONFIRMED,
    'C5': Verdict.CONFIRMED,
    'C8': Verdict.CONFIRMED,
  }
  assert found['C4'].interval.value == pytest.approx(4 / 3)
  slower = verdicts_of(measured(ALL | {'adagrad_20': 3.5, 'adagrad_200': math.inf}))
  assert slower['C5'].verdict is Verdict.REFUTED
  assert slower['C8'].verdict is Verdict.REFUTED  # It was never reached.


@pytest.mark.parametrize(
  ('times', 'changed', 'why'),
  [
    (ALL | {'sgd_1': math.inf, 'fixed_20': math.inf}, {}, 'reaches the target'),
    (ALL, {'fixed_20': {'staleness': 12.0}}, 'mean staleness'),
    (ALL, {'fixed_20': {'start': 0.21}}, 'within 0.5 points'),
    (
      ALL,
      {name: {'start': 0.55} for name in ('sgd_1', 'fixed_20')},
      'at the end of its warm start',
    ),
  ],
)
def test_the_gate(times, changed, why):
  judged = verdicts_of(measured(times, **changed))['C4']
  assert judged.verdict is Verdict.NOT_VALID and why in judged.why


def test_a_rate_at_the_end_of_a_grid_proves_nothing():
  found = measured(ALL)
  found.tuned['fixed_20'] = tuning.best({2.0: Score(1, 0), 4.0: Score(2, 0)})
  judged = verdicts_of(found)
  assert judged['C4'].verdict is judged['C5'].verdict is Verdict.NOT_VALID
  assert 'at the end of its grid' in judged['C5'].why
  assert 'the same number of rates' in judged['C5'].why


def test_a_method_that_misses_the_target_has_no_number():
  found = measured(ALL | {'adagrad_200': math.inf})
  numbers = found.as_json(SEEDS, 0.5)
  assert numbers['adagrad_200']['seconds_to_target'] == [None, None, None]
  assert 'not reached' in figure4_results.table(found, SEEDS, 0.5)


def test_a_run_that_ended_too_soon_decides_nothing():
  found = measured(ALL | {'adagrad_200': math.inf})
  assert verdicts_of(found)['C8'].verdict is Verdict.REFUTED
  for point, curve in found.curves.items():
    if point.method == 'adagrad_200':  # It ends at 1.5, adagrad_20 is there at 2.
      found.curves[point] = curve._replace(seconds=[0.3 * now for now in curve.seconds])
  judged = verdicts_of(found)
  assert (
    judged['C8'].verdict is Verdict.NOT_VALID and 'ran as long as' in judged['C8'].why
  )
  assert judged['C5'].verdict is Verdict.CONFIRMED


def test_a_longer_run_is_evaluated_as_often():
  fields = figure4.all_runs(figure4.NUM_STEPS)
  own = {
    name: Sweep('x', Path(), {name: method}, figure4.CONFIG, fields)._case(
      Point(name, 1.0, 0)
    )
    for name, method in figure4.METHODS.items()
  }
  every = {name: case.fields['eval_steps'] for name, case in own.items()}
  assert every == {'sgd_1': 250, 'fixed_20': 250, 'adagrad_20': 250, 'adagrad_200': 1000}
  assert fields['downpour.warmstart_steps'] % max(every.values()) == 0
