"""Intervals of fetches and pushes: the traffic's closed form, and the verdicts."""

import math

import pytest

from distbelief.experiments import n_fetch_n_push
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, PAIRS = (0, 1, 2), n_fetch_n_push.pairs((1, 10))
METHODS = n_fetch_n_push.methods(PAIRS)


def measured(monkeypatch, times, factor=1.0):
  """As if so many times the expected models had travelled."""

  def moved(sweep, name, seed):
    fields = METHODS[name].fields
    return factor * (1 / fields['downpour.n_fetch'] + 1 / fields['downpour.n_push'])

  monkeypatch.setattr(n_fetch_n_push, 'models_moved', moved)
  return made_up.sweep(METHODS, SEEDS, dict.fromkeys(METHODS, 2.0) | times)


def verdicts_of(sweep):
  judged = n_fetch_n_push.judge(sweep, PAIRS, SEEDS, 0.5)
  return {j.claim: j.verdict for j in judged}


def test_a_fixed_rate_is_as_many_times_smaller_as_a_push_has_gradients():
  one, ten = (METHODS[f'fixed_1_{n}'].rates for n in (1, 10))
  assert ten == pytest.approx([rate / 10 for rate in one])
  assert METHODS['adagrad_1_1'].rates == METHODS['adagrad_1_10'].rates


def test_traffic_and_minibatches_decide(monkeypatch):
  sweep = measured(monkeypatch, {'fixed_1_10': 3.0})
  assert n_fetch_n_push.deviations(sweep, PAIRS, SEEDS) == pytest.approx(3 * [0])
  assert verdicts_of(sweep) == {
    'C14': Verdict.CONFIRMED,
    'C14-fixed': Verdict.CONFIRMED,  # 3 instead of 2.
    'C14-adagrad': Verdict.UNDECIDED,  # As many: neither more nor less.
  }
  assert verdicts_of(measured(monkeypatch, {}, 1.6))['C14'] is Verdict.REFUTED
  missed = verdicts_of(measured(monkeypatch, {'fixed_1_1': math.inf}))
  assert missed['C14-fixed'] is Verdict.NOT_VALID


def test_the_longest_interval_is_run_without_local_steps_as_well(monkeypatch):
  assert METHODS['no_local_step'].fields == {
    'downpour.n_fetch': 10,
    'downpour.n_push': 10,
    'downpour.learning_rate': 0.0,
  }
  table = n_fetch_n_push.table(measured(monkeypatch, {}), SEEDS, 0.5)
  assert '| Adagrad, 10, 10, no local step ' in table
