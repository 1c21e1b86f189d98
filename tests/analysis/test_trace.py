"""Traces, held against the Trace Event Format."""

import gzip
import json
import math

import numpy as np
import pytest

from distbelief import errors
from distbelief.analysis import trace
from distbelief.analysis.run import Run
from distbelief.telemetry import activities
from tests.analysis import made_up_run


def check(document):
  """Asserts what a viewer relies on; returns the complete events by row."""
  assert document['displayTimeUnit'] in ('ms', 'ns')
  rows, names, arrows = {}, {}, {}
  for event in document['traceEvents']:
    assert isinstance(event['pid'], int) and isinstance(event['tid'], int)
    assert isinstance(event['ts'], int)  # Fractions would be rounded, each its way.
    row = event['pid'], event['tid']
    if event['ph'] == 'X':
      assert event['dur'] >= 0 and isinstance(event['dur'], int) and event['name']
      rows.setdefault(row, []).append(event)
    elif event['ph'] == 'M':
      names[(event['name'], *row)] = event['args']
    else:
      assert event['ph'] in 'sf'
      assert event['ph'] == 's' or event['bp'] == 'e'
      arrows.setdefault(event['id'], {})[event['ph']] = event
  for (pid, tid), events in rows.items():
    assert ('process_name', pid, 0) in names and ('thread_name', pid, tid) in names
    last = -math.inf
    for event in sorted(events, key=lambda e: (e['ts'], -e['dur'])):
      # What overlaps without being nested is not drawn.
      assert event['ts'] >= last
      last = max(last, event['ts'] + event['dur'])
  for ends in arrows.values():
    assert ends['s']['ts'] <= ends['f']['ts']
    for end in ends.values():  # It starts and ends inside an event of its row.
      assert any(
        event['ts'] <= end['ts'] <= event['ts'] + event['dur']
        for event in rows[end['pid'], end['tid']]
      )
  return rows, names


def written(run, path, **window):
  made = trace.make(run, **window)
  trace.write(made, path)
  opener = gzip.open if path.suffix == '.gz' else open
  with opener(path, 'rt') as file:
    return json.load(file), made.notes


@pytest.fixture
def workdir(tmp_path):
  made = made_up_run.downpour([0.1, 0.1, 0.3], 60, latency=0.01, num_shards=2)
  return made_up_run.write(tmp_path / 'run', made)


def test_every_step_and_update_has_its_place(tmp_path, workdir):
  with activities.ActivityWriter(workdir).during('evaluation', 40):
    pass
  with activities.ActivityWriter(workdir).during('checkpoint', 60):
    pass
  run = Run(workdir)
  document, notes = written(run, tmp_path / 'trace.json')
  rows, names = check(document)
  kinds = [event['name'] for events in rows.values() for event in events]
  for kind, count in {'fetch': 60, 'compute': 60, 'push': 60, 'update': 120}.items():
    assert kinds.count(kind) == count
  assert kinds.count('evaluation') == kinds.count('checkpoint') == 1
  assert names['thread_name', 1, 6]['name'] == 'replica 2'
  assert names['thread_name', 2, 1]['name'] == 'shard 1'
  slow = [e for e in rows[1, 6] if e['name'] == 'compute']
  np.testing.assert_allclose([e['dur'] for e in slow], 3e5, rtol=0.6)
  # From the first step's start, which is at 0.
  assert min(e['ts'] for events in rows.values() for e in events) == 0
  arrows = [e for e in document['traceEvents'] if e['ph'] == 's']
  assert len(arrows) == 120
  assert notes == [run.describe_clocks()]


def test_the_arrow_of_a_push_ends_at_its_own_update(tmp_path, workdir):
  document, _ = written(Run(workdir), tmp_path / 'trace.json')
  ends = {}
  for event in document['traceEvents']:
    if event['ph'] in 'sf':
      ends.setdefault(event['id'], {})[event['ph']] = event
  updates = {
    (e['tid'], e['ts']): e['args']
    for e in document['traceEvents']
    if e['ph'] == 'X' and e['pid'] == 2
  }
  for pair in ends.values():
    replica = updates[pair['f']['tid'], pair['f']['ts']]['replica']
    assert pair['s']['tid'] == 3 * replica


def test_what_travels_beside_the_computing_has_rows_of_its_own(tmp_path):
  made = made_up_run.downpour([0.1, 0.1], 40)
  made['fetch_start'], made['fetch_end'] = made['compute_start'], made['compute_end']
  made['push_start'] = made['compute_start'] + 0.01
  run = Run(made_up_run.write(tmp_path / 'run', made, **{'downpour.overlap': True}))
  document, _ = written(run, tmp_path / 'trace.json')
  names = {e['args'].get('name') for e in document['traceEvents'] if e['ph'] == 'M'}
  assert {'replica 1', 'replica 1: fetch', 'replica 1: push'} <= names
  assert {e['tid'] for e in document['traceEvents'] if e['name'] == 'fetch'} == {1, 4}


def test_a_synchronous_run_has_all_reduces_and_waits(tmp_path):
  made = made_up_run.synchronous([0.1, 0.4], 20)
  run = Run(made_up_run.write(tmp_path / 'run', made, algorithm='synchronous'))
  document, _ = written(run, tmp_path / 'trace.json.gz')
  rows, _ = check(document)
  assert [e['name'] for e in sorted(rows[1, 0], key=lambda e: e['ts'])[:3]] == [
    *('compute', 'wait', 'all-reduce')
  ]
  assert sum(e['name'] == 'wait' for e in rows[1, 3]) == 0  # The slowest never waits.
  assert len(rows[2, 0]) == 20


def test_a_window_has_what_touches_it(tmp_path, workdir):
  document, _ = written(Run(workdir), tmp_path / 'trace.json', start=1.0, end=1.5)
  rows, _ = check(document)
  events = [event for events in rows.values() for event in events]
  assert all(e['ts'] <= 1.5e6 and e['ts'] + e['dur'] >= 1e6 for e in events)
  assert 10 < len(events) < 60


def test_too_many_events_are_cut_with_a_word(tmp_path, workdir):
  document, notes = written(Run(workdir), tmp_path / 'trace.json', most_events=50)
  assert sum(e['ph'] == 'X' for e in document['traceEvents']) == 50
  check(document)
  assert 'only the first 50' in notes[1]
  assert 'only the first 50' in document['otherData']['notes']


def test_an_empty_window_is_refused_with_the_runs_length(workdir):
  with pytest.raises(errors.UserError, match='it lasts 3'):
    trace.make(Run(workdir), start=100.0)


def test_a_run_killed_in_mid_write_still_gives_a_trace(tmp_path, workdir):
  records = workdir / 'steps' / '000.bin'
  records.write_bytes(records.read_bytes()[:-100])
  (workdir / 'summary.json').unlink()
  with (workdir / 'activities.csv').open('w') as file:
    file.write(f'name,start,end,steps\nevaluation,{made_up_run.ORIGIN + 1},170000')
  rows, _ = check(written(Run(workdir), tmp_path / 'trace.json')[0])
  assert sum(e['name'] == 'compute' for v in rows.values() for e in v) == 59


def test_without_steps_there_is_no_trace(tmp_path):
  empty = made_up_run.blank(1, 1)
  workdir = made_up_run.write(tmp_path / 'run', empty, finished=False)
  path = workdir / 'steps' / '000.bin'
  path.write_bytes(path.read_bytes()[:4096])
  with pytest.raises(errors.UserError, match='no step on record'):
    trace.make(Run(workdir))
