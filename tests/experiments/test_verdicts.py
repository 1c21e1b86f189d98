"""Intervals, and verdicts by rules that are written down."""

import math

import numpy as np
import pytest

from distbelief.experiments import catalog, intervals, verdicts
from distbelief.experiments.verdicts import Rule, Verdict

INF = math.inf


def test_the_interval_holds_the_median_of_most_samples():
  """Of 20 draws, in about 95 of 100 cases."""
  random = np.random.default_rng(0)
  held = 0
  for _ in range(100):
    found = intervals.median(random.normal(3.0, 1.0, size=20))
    held += found.low <= 3.0 <= found.high
  assert 85 <= held <= 100


def test_five_values_tell_hardly_more_than_their_range():
  found = intervals.median([5.0, 1.0, 2.0, 4.0, 3.0])
  assert found.value == 3.0
  assert (found.low, found.high) in {(1.0, 5.0), (1.0, 4.0), (2.0, 5.0), (2.0, 4.0)}


def test_a_target_that_was_not_reached_is_infinitely_late():
  assert intervals.median([1.0, 2.0, INF, INF, INF])[::2] == (INF, INF)
  assert intervals.median([1.0, 2.0, 3.0, INF, 2.5]).value == 2.5
  # Of an even number it is as wide to either side.
  assert intervals.median([*range(1, 11)]) == (5.5, 2.0, 9.0)


def test_one_seed_decides_nothing():
  assert intervals.median([2.0]) == (2.0, -INF, INF)
  assert str(intervals.median([2.0])) == '2 (one seed)'


@pytest.mark.parametrize('values', [[], [1.0, math.nan]])
def test_what_is_no_measurement_is_refused(values):
  with pytest.raises(ValueError, match='are no measurements'):
    intervals.median(values)


def rule(**bounds):
  return Rule('X', 'a claim', 'a source', 'figure4', 'a ratio', **bounds)


@pytest.fixture
def judge(monkeypatch):
  def judged(values, gate=None, **bounds):
    gates = {name: f'{name} holds' for name in gate or {}}
    monkeypatch.setattr(verdicts, 'rules', lambda: {'X': rule(gate=gates, **bounds)})
    return verdicts.judge('X', values, gate or {})

  return judged


@pytest.mark.parametrize(
  ('values', 'verdict'),
  [
    ([1.5, 1.6, 1.7, 1.6, 1.5], Verdict.CONFIRMED),
    ([0.5, 0.6, 0.7, 0.6, 0.5], Verdict.REFUTED),
    ([0.5, 1.6, 1.7, 0.6, 1.5], Verdict.UNDECIDED),
    ([INF, INF, INF, INF, INF], Verdict.CONFIRMED),
    ([1.5], Verdict.UNDECIDED),
  ],
)
def test_the_whole_interval_decides(judge, values, verdict):
  assert judge(values, at_least=1.0, refuted_below=1.0).verdict is verdict


@pytest.mark.parametrize(
  ('value', 'verdict'),
  [(1.0, Verdict.CONFIRMED), (0.97, Verdict.UNDECIDED), (1.2, Verdict.REFUTED)],
)
def test_bounds_on_both_sides(judge, value, verdict):
  bounds = {'at_least': 0.99, 'at_most': 1.01, 'refuted_below': 0.9, 'refuted_above': 1.1}
  assert judge(5 * [value], **bounds).verdict is verdict


def test_where_the_gate_fails_nothing_is_refuted(judge):
  bounds = {'at_least': 1.0, 'refuted_below': 1.0}
  found = judge([0.1, 0.1], {'warm': True, 'edge': False}, **bounds)
  assert found.verdict is Verdict.NOT_VALID
  assert found.interval is None and found.why == 'it does not hold that edge holds'
  # Nor are numbers looked at that may not be there.
  assert judge([math.nan], {'edge': False}, **bounds).verdict is Verdict.NOT_VALID


def test_a_gate_is_whole(judge, monkeypatch):
  monkeypatch.setattr(verdicts, 'rules', lambda: {'X': rule(gate={'warm': 'it is'})})
  with pytest.raises(ValueError, match=r"the gate of X has \['warm'\], not \[\]"):
    verdicts.judge('X', [1.0], {})


def test_plain_types_for_a_file(judge):
  found = judge([2.0], at_least=1.0, refuted_below=1.0).as_json()
  assert found['interval'] == [2.0, None, None]
  assert (found['verdict'], found['claim']) == ('undecided', 'X')


def test_another_bound_is_another_rule():
  hashes = {rule(at_least=x, refuted_below=1.0).hash for x in (1.0, 1.5, 1.0)}
  assert len(hashes) == 2 and all(len(found) == 12 for found in hashes)


def test_the_rules_that_are_written_down():
  """Each is about an experiment that is there, or says why none is."""
  found = verdicts.rules()
  for name, written in found.items():
    assert written.claim == name and written.text and written.source
    if written.experiment:
      assert written.experiment in catalog.names()
    else:
      assert written.verdict in (Verdict.NOT_YET, Verdict.NOT_DECIDABLE) and written.why


@pytest.mark.parametrize(
  ('wrong', 'text'),
  [
    (rule(at_least=1.0), 'lacks an experiment, a statistic, or a bound'),
    (rule(at_least=1.0, refuted_below=2.0), 'by the same number'),
    (rule(at_most=2.0, refuted_above=1.0), 'by the same number'),
    (Rule('X', 't', 's', verdict='not yet'), 'needs a reason'),
    (Rule('X', 't', 's', verdict='maybe', why='x'), 'maybe'),
  ],
)
def test_a_rule_that_decides_nothing_or_both_is_refused(wrong, text):
  with pytest.raises(ValueError, match=text):
    verdicts.check(wrong)
