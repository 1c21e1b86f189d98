"""The warm start: rates that work, and what is lost when replicas are released."""

import math

import pytest

from distbelief.experiments import warmstart
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, INF = (0, 1, 2), math.inf
COLD, WARM = warmstart.name_of('keep', 0.0), warmstart.name_of('keep', 0.1)
METHODS = warmstart.methods(1000, 20)


def measured(**times):
  """Each method reaches the target at one of three rates, but for those named."""
  return made_up.sweep(METHODS, SEEDS, dict.fromkeys(METHODS, 2.0) | times)


def verdicts_of(sweep):
  return {j.claim: j.verdict for j in warmstart.judge(sweep, SEEDS, 0.5)}


def test_methods_without_a_warm_start_have_nothing_to_empty():
  assert len(METHODS) == 8 and warmstart.name_of('reset', 0.0) not in METHODS
  assert METHODS[WARM].fields['downpour.warmstart_steps'] == 100
  assert METHODS['reset_2'].fields == {
    'downpour.reset_slots': True,
    'downpour.warmstart_steps': 20,
  }


def test_the_number_of_rates_that_work_decides():
  assert verdicts_of(measured()) == {
    'C7': Verdict.REFUTED,
    'C7-reset': Verdict.REFUTED,
  }
  always = measured()
  for rate in made_up.RATES:
    for seed in SEEDS:
      always.curves[Point(COLD, rate, seed)] = made_up.curve(1.0)
  assert set(verdicts_of(always).values()) == {Verdict.NOT_VALID}  # Nothing to cure.
  assert set(verdicts_of(measured(**{COLD: INF})).values()) == {Verdict.CONFIRMED}
  assert verdicts_of(measured(**{WARM: INF}))['C7'] is Verdict.NOT_VALID


def test_every_rate_counts():
  sweep = measured()
  for seed in SEEDS[:2]:
    sweep.curves[Point(WARM, 4.0, seed)] = made_up.curve(1.0)
  assert warmstart.working(sweep, WARM, SEEDS, 0.5) == [2, 2, 1]
  assert verdicts_of(sweep)['C7'] is Verdict.UNDECIDED


def test_the_accuracy_that_is_lost():
  sweep = measured()
  assert warmstart.dips(sweep, WARM, SEEDS) == [0, 0, 0]  # From 0.2 it rises to 0.3.
  sweep.curves[Point(WARM, made_up.BEST, 0)] = made_up.curve(3.0, start=0.4)
  assert warmstart.dips(sweep, WARM, SEEDS) == [pytest.approx(0.1), 0, 0]
  assert '10' in warmstart.table(sweep, (0,), 0.5)
