"""What measured asynchrony is judged by."""

import pytest

from distbelief import config as config_lib
from distbelief.experiments import asynchrony, runs, tolerances
from tests.runs import ROOT

T, L = asynchrony.T, asynchrony.L
_NOTHING = {'computing': [1.0] * 3, 'fetching': [0.0] * 3, 'pushing': [0.0] * 3}
_NOTHING['waiting'] = [0.0] * 3
_SPANS = {'compute': [T] * 3, 'fetch': [L] * 3, 'push': [L] * 3, 'wait': [0.0] * 3}


def measured(staleness, of_replica=(2, 2, 2), spans=None, **fractions):
  return asynchrony.Measured(
    staleness=float(staleness),
    of_replica=list(of_replica),
    theory=None,
    fractions={**_NOTHING, **fractions},
    spans={**_SPANS, **(spans or {})},
    updates=[600, 600],
    updates_per_second=3 / (T + 2 * L),  # Fetch and push take L each in these spans.
    provenance={},
  )


def as_in_theory():
  halves = {'computing': [0.5] * 3, 'fetching': [0.25] * 3, 'pushing': [0.25] * 3}
  return {
    'equal': measured(2),
    'latency': measured(1.5, **halves),
    'overlapped': measured(5),
    'n = 3': measured(11 / 3),
    'one slow': measured(2, [1.25, 1.25, 8], {'compute': [T, T, 4 * T]}),
    'synchronous, one slow': measured(
      0, spans={'wait': [3 * T, 3 * T, None]}, waiting=[0.75, 0.75, 0.0]
    ),
  }


def test_every_claim_holds_in_theory():
  judged = tolerances.judge(asynchrony.CLAIMS, [as_in_theory()] * 3)
  assert all(row['holds'] for row in judged), judged


@pytest.mark.parametrize(
  ('case', 'changed', 'fails'),
  [
    ('equal', {'staleness': 2.3}, 1),
    ('equal', {'updates_per_second': 12.0}, 1),
    ('latency', {'staleness': 2.0}, 1),
    ('latency', {'fractions': {**_NOTHING, 'waiting': [0.2] * 3}}, 4),
    ('latency', {'spans': {**_SPANS, 'fetch': [2 * L] * 3}}, 1),
    ('overlapped', {'staleness': 2.0}, 1),
    ('n = 3', {'staleness': 2.0}, 1),
    ('one slow', {'of_replica': [1.25, 1.25, 2.0]}, 1),
    ('one slow', {'of_replica': [2.0, 2.0, 8.0]}, 1),
    ('one slow', {'spans': _SPANS}, 1),
    ('synchronous, one slow', {'fractions': _NOTHING}, 1),
    ('synchronous, one slow', {'staleness': 0.01}, 1),
  ],
)
def test_every_claim_can_fail(case, changed, fails):
  found = as_in_theory()
  found[case] = found[case]._replace(**changed)
  judged = tolerances.judge(asynchrony.CLAIMS, [found])
  assert sum(not row['holds'] for row in judged) == fails


def test_every_case_is_a_config():
  for fields in asynchrony.CASES.values():
    config_lib.check(runs.load(ROOT / asynchrony.CONFIG, fields))
