"""What the measured runs are judged by."""

import json

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.command_line import reproduce
from distbelief.experiments import runs, side_by_side, tolerances
from tests.runs import ROOT

_STEP = {
  'step': [0.1, 0.101, 0.104],
  'period': 0.11,
  'exchange': 0.01,
  'provenance': {'host': 'a', 'started': '2026'},
}
_FAST, _SLOW = [0.02] * 4, [0.75, 0.75, 0.75, 0.01]


def judge(found, width=1.0):
  return tolerances.judge(side_by_side.CLAIMS, found, width)


def measured(seconds, steps=(26,) * 4, waiting=_FAST, **others):
  return side_by_side.Measured(seconds, list(steps), list(waiting), **{**_STEP, **others})


def as_in_theory():
  return {
    'downpour, equal': measured(26.0),
    'synchronous, equal': measured(26.0),
    'downpour, one slow': measured(32.0, steps=[320, 320, 320, 80]),
    'synchronous, one slow': measured(104.0, waiting=_SLOW, period=0.41),
    'downpour, latency': measured(26.6),
    'downpour overlapped, latency': measured(13.4),
    'synchronous, latency': measured(20.0),
    'downpour, 20 steps': measured(2.0),
    'sgd, 20 steps': measured(2.0),
  }


def test_every_claim_holds_in_theory():
  judged = judge([as_in_theory()] * 3)
  assert all(row['holds'] for row in judged), judged
  lines = tolerances.table(judged).splitlines()
  assert len(lines) == 2 + len(side_by_side.CLAIMS)
  cells = [cell.strip() for cell in lines[2].split('|')[1:-1]]
  assert cells[:2] == ['one slow: time of synchronous / Downpour', '3.25']
  assert cells[2].startswith('at least')


@pytest.mark.parametrize(
  ('case', 'fields', 'claims'),
  [
    ('downpour, one slow', {'seconds': 38.0}, 1),
    ('downpour, one slow', {'steps': [330, 330, 330, 50]}, 1),
    ('downpour, one slow', {'waiting': [0.02, 0.06, 0.02, 0.02]}, 1),
    ('synchronous, one slow', {'waiting': _FAST}, 1),
    ('synchronous, one slow', {'period': 0.44}, 1),
    ('downpour, equal', {'seconds': 31.0}, 1),
    ('synchronous, latency', {'seconds': 30.0}, 1 + 1),
    ('sgd, 20 steps', {'step': [0.099, 0.1, 0.12]}, 1 + 1),
    ('downpour, 20 steps', {'step': [0.1, 0.1, 0.12]}, 1),
  ],
)
def test_every_claim_can_fail(case, fields, claims):
  found = as_in_theory()
  found[case] = found[case]._replace(**fields)
  # The median counts: one bad repetition of three changes nothing.
  good = as_in_theory()
  assert all(row['holds'] for row in judge([good, good, found]))
  judged = judge([good, found, found])
  assert sum(not row['holds'] for row in judged) == claims


def test_every_case_is_a_config():
  for fields in side_by_side.CASES.values():
    config_lib.check(runs.load(ROOT / side_by_side.CONFIG, fields))


def test_wider_bounds_forgive_more():
  found = as_in_theory()
  found['downpour, one slow'] = measured(48.0, steps=[320, 320, 320, 80])
  slower = lambda width: judge([found], width)[0]['holds']  # noqa: E731
  assert (slower(1), slower(3)) == (False, True)


def test_reproduce_writes_what_was_found(tmp_path, monkeypatch, call):
  monkeypatch.setattr(
    side_by_side,
    'repeat',
    lambda path, count, num_steps=None: [as_in_theory()] * count,
  )
  output = tmp_path / 'results' / 'found.json'
  status, out, _ = call(
    reproduce.main,
    '--experiment=side_by_side',
    f'--workdir={tmp_path}',
    f'--output={output}',
    '--option=repetitions=2',
  )
  assert status == errors.DONE and '| yes ' in out
  result = json.loads(output.read_text())
  assert all(claim['holds'] for claim in result['claims'])
  assert len(result['repetitions']) == 2
  (trained,) = result['trained']
  assert (trained['host'], trained['runs']) == ('a', 2 * len(side_by_side.CASES))


@pytest.mark.parametrize(
  ('values', 'cell'),
  [
    ([0.95, 1.0, 1.05], 'yes'),
    ([0.8, 1.0, 1.05], 'undecided'),
    ([0.7, 0.8, 0.85], 'no'),
    ([1.2, 1.3, 1.4], 'no'),
    ([1.0], 'undecided'),  # One seed has no interval.
  ],
)
def test_a_claim_holds_in_its_whole_interval(values, cell):
  judged = tolerances.judge(
    [tolerances.within('x', 1.0, 0.1, lambda value: value)], values
  )
  assert tolerances.table(judged).splitlines()[-1].split('|')[-2].strip() == cell
