"""Adagrad's rate over the fixed one: units, seeds, and the verdicts."""

import math

from distbelief.experiments import gamma
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, DECIDING = (0, 1, 2), (20, 100)
NAMES = [f'{rule}_20_100' for rule in ('fixed', 'adagrad')]


def measured(**changed):
  methods = {name: gamma.methods((20,), (100,))[name] for name in NAMES}
  sweep = made_up.sweep(methods, SEEDS, dict.fromkeys(NAMES, 2.0), **changed)
  for point, curve in sweep.curves.items():
    if point.rate == made_up.BEST:
      sweep.curves[point] = curve._replace(losses=[0.8])
  return sweep


def verdicts_of(sweep):
  return {j.claim: j.verdict for j in gamma.judge(sweep, DECIDING, SEEDS)}


def test_the_unit_decides():
  sweep = measured()
  assert gamma.ratios(sweep, *DECIDING, SEEDS) == [1.0, 1.0, 1.0]
  assert verdicts_of(sweep) == {'C9': Verdict.UNDECIDED, 'C9-mean': Verdict.REFUTED}


def test_each_seed_has_its_own_best_rate():
  sweep = measured()
  for seed in SEEDS:  # Adagrad is better still at half the rate.
    sweep.curves[Point(NAMES[1], 1.0, seed)] = made_up.curve(1.0, loss=0.5)
  assert gamma.ratios(sweep, *DECIDING, SEEDS) == [0.5, 0.5, 0.5]
  for seed in SEEDS:  # And the fixed rate at twice the rate: 100 / 4 in sums.
    sweep.curves[Point(NAMES[0], 4.0, seed)] = made_up.curve(1.0, loss=0.5)
    sweep.curves[Point(NAMES[0], 1.0, seed)] = made_up.curve(1.0, loss=math.nan)
  assert verdicts_of(sweep)['C9'] is Verdict.CONFIRMED


def test_what_has_learned_nothing_decides_nothing():
  sweep = measured(fixed_20_100={'end': 0.2, 'start': 0.2})
  assert set(verdicts_of(sweep).values()) == {Verdict.NOT_VALID}
