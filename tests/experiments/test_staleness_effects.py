"""A fixed staleness: targets, slowdowns, and the verdicts on staleness and depth."""

import math
import types

import numpy as np
import pytest

from distbelief.experiments import staleness_along, staleness_verdicts
from distbelief.experiments import staleness_effects as effects
from distbelief.experiments.curves import Curve
from distbelief.experiments.staleness_effects import Effects, name_of
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Verdict
from tests.experiments import made_up

SEEDS, STALENESS, INF = (1, 2, 3), (0, 4, 16), math.inf
STEPS = 50  # Of a curve that is made up.


def of_depth(depth, times, same=None, **changed):
  """Reaches the target at these times, by staleness; `same`: at one rate for all.

  Without staleness the best rate is made_up.BEST; the others have theirs one further.
  """
  methods = effects.methods(depth, STALENESS)
  names = [name_of(depth, s) for s in STALENESS]
  stale = {
    name: {'staleness': s * (1 - (s + 1) / (2 * STEPS))}
    for name, s in zip(names, STALENESS)
  }
  for s, more in changed.items():
    stale[name_of(depth, int(s[1:]))] |= more
  sweep = made_up.sweep(methods, SEEDS, dict(zip(names, times)), **stale)
  if same is not None:
    for name, time in list(zip(names, same))[1:]:
      sweep.tuned[name] = sweep.tuned[name]._replace(rate=1.0)
      for seed in SEEDS:
        best = sweep.curves[Point(name, made_up.BEST, seed)]
        sweep.curves[Point(name, 1.0, seed)] = best
        own = made_up.curve(time, **stale[name])
        sweep.curves[Point(name, made_up.BEST, seed)] = own
  return Effects(depth, sweep, 0.5, STALENESS)


def verdicts_of(*found):
  return {j.claim: j.verdict for j in staleness_verdicts.judge(found, SEEDS)}


@pytest.fixture(autouse=True)
def room(monkeypatch):
  """Curves that are made up are too short for slowdowns of eight."""
  monkeypatch.setattr(effects, 'MOST', 4.0)


def test_what_grows_with_staleness_and_depth_is_confirmed():
  shallow, deep = of_depth(1, (1.0, 2.0, 3.0)), of_depth(6, (1.0, 3.0, INF))
  assert set(verdicts_of(shallow, deep).values()) == {Verdict.CONFIRMED}
  reverse = verdicts_of(of_depth(1, (1.0, 3.0, INF)), of_depth(6, (1.0, 2.0, 3.0)))
  assert reverse['D1'] is Verdict.CONFIRMED and reverse['D2'] is Verdict.REFUTED


def test_fewer_examples_with_more_staleness_refute():
  found = verdicts_of(of_depth(1, (1.0, 2.0, 3.0)), of_depth(6, (1.0, INF, 3.0)))
  assert found['D1'] is Verdict.REFUTED and found['D2'] is Verdict.UNDECIDED


def test_each_arm_has_rates_of_its_own():
  shallow = of_depth(1, (1.0, 2.0, 3.0), same=(1.0, 3.0, INF))
  deep = of_depth(6, (1.0, 3.0, 3.5), same=(1.0, 2.0, INF))
  np.testing.assert_allclose(shallow.slowdowns('best', SEEDS)[:, 0], (1, 2, 3))
  np.testing.assert_allclose(shallow.slowdowns('same', SEEDS)[:, 0], (1, 3, INF))
  found = verdicts_of(shallow, deep)
  assert found['D2'] is Verdict.REFUTED and found['D2-best'] is Verdict.CONFIRMED


def test_slowdowns_beyond_the_most_are_infinite():
  assert of_depth(1, (1.0, 3.0, 5.0)).slowdowns('best', SEEDS)[2, 0] == INF


@pytest.mark.parametrize(
  ('times', 'changed', 'why'),
  [
    ((3.0, 3.5, INF), {}, 'within an eighth of the minibatches'),
    ((1.0, 2.0, 3.0), {'s16': {'staleness': 14.0}}, 'pushes in turn'),
    ((INF, INF, INF), {}, 'within an eighth of the minibatches'),
  ],
)
def test_the_gate_comes_first(times, changed, why):
  deep = of_depth(6, times, **changed)
  for judged in staleness_verdicts.judge([of_depth(1, (1.0, 2.0, 3.0)), deep], SEEDS):
    assert judged.verdict is Verdict.NOT_VALID and why in judged.why


def test_a_best_rate_at_the_edge_is_not_valid_where_it_counts():
  deep = of_depth(6, (1.0, 3.0, INF))
  name = name_of(6, 4)
  deep.sweep.tuned[name] = deep.sweep.tuned[name]._replace(at_the_edge=True)
  found = verdicts_of(of_depth(1, (1.0, 2.0, 3.0)), deep)
  assert found['D1'] is found['D2'] is Verdict.CONFIRMED
  assert found['D1-best'] is found['D2-best'] is Verdict.NOT_VALID


def test_depth_is_judged_where_something_is_seen():
  never = (1.0, INF, INF)
  found = verdicts_of(of_depth(1, never), of_depth(6, never))
  assert found['D1'] is Verdict.CONFIRMED and found['D2'] is Verdict.NOT_VALID


def test_every_step_of_staleness_and_every_depth_counts():
  one, other = np.array([[1, 2], [2, 2], [4, INF]]), np.array([[1, 1], [1.5, 3], [1, 9]])
  assert staleness_verdicts.growth([one]) == [2, 1]
  assert staleness_verdicts.growth([one, other]) == [pytest.approx(2 / 3), 1]
  assert staleness_verdicts.excess(one, other) == [4, INF]


def test_the_target_is_what_the_best_rate_has_early():
  found = of_depth(1, (1.0, 2.0, 3.0))
  for rate, accuracy in zip(made_up.RATES, (0.1, 0.3, math.nan)):
    found.sweep.curves[Point(name_of(1, 0), rate, 0)] = Curve(
      [0.0, 1.0], [0, 20], [], [0.0, accuracy], 0.0, [3.9, 3.0]
    )
  target = effects.target_of(found.sweep, name_of(1, 0), 100)
  assert target == pytest.approx(0.9 * 0.3 * 10 / 20)


def test_all_runs_of_a_depth_differ_by_replicas_and_rate_alone():
  assert [m.replicas for m in effects.methods(3, (0, 64)).values()] == [1, 65]
  fields = effects.fields(3, 4000)
  assert fields['model.hidden_units'] == (128, 128, 128)
  assert fields['downpour.warmstart_steps'] == 0 and fields['eval_steps'] == 100


def test_quartiles_of_the_loss_are_in_the_order_of_updates(monkeypatch):
  def run(folder):
    records = np.zeros(6, [('version_applied', '<i8', (1,)), ('loss', '<f8')])
    records['version_applied'][:, 0] = (6, 5, 4, 3, 2, 1)
    records['loss'] = {'one': (1, 1, 2, 7, 8, 9), 'two': (1, 1, math.nan, 7, 8, 9)}[
      folder
    ]
    return types.SimpleNamespace(records=records)

  monkeypatch.setattr(staleness_along, 'Run', run)
  found = staleness_along.losses(['one', 'two'], 2)
  np.testing.assert_array_equal(found[0], (7, 8, 9))
  np.testing.assert_array_equal(found[1], (1, 1, 2))
  assert staleness_along.losses(['two'], 6)[3].tolist() == [INF] * 3


def test_the_table_has_a_line_for_each():
  found = [of_depth(1, (1.0, 2.0, INF))]
  quartiles = {(1, s): np.array([[2.0, 2.5, 3.0]]) for s in STALENESS}
  text = staleness_along.table(found, SEEDS, quartiles, {}).splitlines()
  assert len(text) == 5
  assert (
    '320' in text[2] and 'not reached' in text[4] and '2.50 (2.00 to 3.00)' in text[3]
  )
