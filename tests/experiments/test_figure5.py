"""Figure 5 and the number of replicas: what the sweeps' times say."""

import math

import numpy as np
import pytest

from distbelief.experiments import figure4, figure5
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, SIZES = (0, 1, 2), (20, 50, 100)
INF = math.inf


def measured(fixed, adagrad, **changed):
  times = {'sgd_1': 3.0}
  times |= {f'fixed_{n}': time for n, time in zip(SIZES, fixed)}
  times |= {f'adagrad_{n}': time for n, time in zip(SIZES, adagrad)}
  return made_up.sweep(figure5.methods(SIZES), SEEDS, times, **changed)


def on_budgets(*times, **changed):
  return figure5.judge_budgets(measured(*times, **changed), SIZES, SEEDS, 0.5)


def on_replicas(*times):
  return figure5.judge_replicas(measured(*times), SIZES, SEEDS, 0.5)


def test_adagrad_must_be_faster_for_every_size():
  assert on_budgets((2, 3, INF), (1, 2, 3)).verdict is Verdict.CONFIRMED
  assert on_budgets((2, 3, 1), (1, 2, 2)).verdict is Verdict.REFUTED
  # What neither reaches does not count, unless it is most of them.
  assert on_budgets((2, 3, INF), (1, 2, INF)).verdict is Verdict.CONFIRMED
  judged = on_budgets((2, INF, INF), (1, INF, INF))
  assert judged.verdict is Verdict.NOT_VALID and 'reach the target' in judged.why
  judged = on_budgets((2, 3, 3), (1, 2, 2), fixed_50={'staleness': 30.0})
  assert judged.verdict is Verdict.NOT_VALID and 'staleness' in judged.why


@pytest.mark.parametrize(
  ('fixed', 'adagrad', 'verdict'),
  [
    ((1, 2, INF), (3, 1, 2), Verdict.CONFIRMED),  # 20 against 50.
    ((1, 2, INF), (1, 2, 3), Verdict.REFUTED),  # 20 against 20.
    ((3, 2, 1), (3, 2, 1), Verdict.NOT_VALID),  # Perhaps more would be better still.
    ((INF, INF, INF), (3, 2, 1), Verdict.NOT_VALID),
  ],
)
def test_more_replicas_must_be_of_use_with_adagrad(fixed, adagrad, verdict):
  assert on_replicas(fixed, adagrad).verdict is verdict


def test_a_number_of_replicas_that_had_too_little_time_decides_nothing():
  found = measured((2, 3, INF), (3, 1, 2))
  for point, curve in found.curves.items():
    if point.method == 'fixed_100':  # It ends at 1.5, before 20 replicas are there.
      found.curves[point] = curve._replace(seconds=[0.3 * now for now in curve.seconds])
  judged = figure5.judge_replicas(found, SIZES, SEEDS, 0.5)
  assert judged.verdict is Verdict.NOT_VALID and 'ran as long as' in judged.why
  budgets = figure5.judge_budgets(found, SIZES, SEEDS, 0.5)
  assert budgets.verdict is Verdict.NOT_VALID  # Adagrad takes 2.


def test_the_best_number_is_found_for_each_seed():
  times = np.array([[3.0, INF], [1.0, 5.0], [2.0, 4.0]])
  np.testing.assert_array_equal(figure5.best_number(times, SIZES), [50, 100])


def test_the_table_counts_the_rates_that_reach_it():
  text = figure5.range_table(measured((1, 2, INF), (1, 2, 3)), SIZES, SEEDS, 0.5)
  *_, last = text.splitlines()
  assert last.count('not reached') == 1 and '0 of 3' in last and '1 of 3' in last


def test_runs_that_both_figures_have_are_the_same():
  """They lie in one directory, which refuses runs of another config."""
  own = figure5.methods(figure5.REPLICAS)
  for name, method in figure4.METHODS.items():
    assert own[name]._replace(label=method.label) == method
