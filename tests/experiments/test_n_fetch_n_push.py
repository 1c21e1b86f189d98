"""Intervals of fetches and pushes: the traffic's closed form, and the verdicts."""

import math

import pytest

from distbelief.experiments import figure4, n_fetch_n_push
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, PAIRS, STEPS = (0, 1, 2), [(1, 1), (10, 10)], 6000
METHODS = n_fetch_n_push.methods(PAIRS)


def measured(times, moved):
  sweep = made_up.sweep(METHODS, SEEDS, dict.fromkeys(METHODS, 2.0) | times)
  for name in METHODS:
    for seed in SEEDS:
      models = moved['_10_10' in name]
      sweep.summaries[Point(name, made_up.BEST, seed)] = {
        'bytes_per_second': models * 4 * figure4.CHARGED / 8.0,
        'seconds': 8.0,
      }
  return sweep


def verdicts_of(sweep):
  judged = n_fetch_n_push.judge(sweep, PAIRS, SEEDS, STEPS, 0.5)
  return {j.claim: j.verdict for j in judged}


def test_once_a_fetch_and_once_a_push():
  count = n_fetch_n_push.expected_models_moved
  assert count(100, 0, 1, 1) == 200
  assert count(100, 20, 1, 1) == 200
  assert count(100, 20, 10, 4) == pytest.approx(40 + 8 + 20)


def test_traffic_and_minibatches_decide():
  right = (12_000.0, 4800.0)
  sweep = measured({'fixed_10_10': 3.0}, right)
  assert n_fetch_n_push.deviations(sweep, PAIRS, SEEDS, STEPS) == pytest.approx(3 * [0])
  assert verdicts_of(sweep) == {
    'C14': Verdict.CONFIRMED,
    'C14-fixed': Verdict.CONFIRMED,  # 3 instead of 2.
    'C14-adagrad': Verdict.UNDECIDED,  # As many: neither more nor less.
  }
  assert verdicts_of(measured({}, (12_000.0, 6000.0)))['C14'] is Verdict.REFUTED
  missed = verdicts_of(measured({'fixed_1_1': math.inf}, right))
  assert missed['C14-fixed'] is Verdict.NOT_VALID


def test_the_longest_interval_is_run_without_local_steps_as_well():
  assert METHODS['no_local_step'].fields == {
    'downpour.n_fetch': 10,
    'downpour.n_push': 10,
    'downpour.learning_rate': 0.0,
  }
  assert '| Adagrad, 10, 10, no local step ' in n_fetch_n_push.table(
    measured({}, (1.0, 1.0)), SEEDS, STEPS, 0.5
  )
