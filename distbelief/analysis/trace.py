"""A run as a Chrome trace, for ui.perfetto.dev or chrome://tracing.

The JSON object format of the Trace Event Format: complete events ('X') on numbered rows,
their names as metadata ('M'), and an arrow ('s', 'f') from each push to the updates that
it made. Times are microseconds since the run's first step.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief import config as config_lib
from distbelief import errors
from distbelief.analysis import utilisation
from distbelief.analysis.run import Run
from distbelief.telemetry import steps

MOST_EVENTS = 1_000_000  # What browsers still open: some 150 MB of JSON.

_REPLICAS, _SHARDS, _LEADER = 1, 2, 3  # Process ids.
ROWS_OF_REPLICA = 3  # What overlaps needs rows of its own.


class Trace(NamedTuple):
  """Events, and what is to be said of them."""

  events: list[dict[str, Any]]
  notes: list[str]


def make(
  run: Run,
  start: float = 0.0,
  end: float = float('inf'),
  most_events: int = MOST_EVENTS,
) -> Trace:
  """Returns the trace of a run.

  Args:
    run: Finished or not.
    start: Events that end before are left out; seconds since the first step's start.
    end: Events that start after are left out.
    most_events: Where there are more, the trace ends before `end`, and says so.

  Raises:
    errors.UserError: If nothing is on record, or not in these seconds.
  """
  if not len(run.records):
    raise errors.UserError(f'{run.workdir}: {", ".join(run.missing())}')
  origin, _ = utilisation.span(run.records)
  found = [
    *_replica_events(run, origin),
    *_shard_events(run, origin),
    *_leader_events(run, origin),
  ]
  inside = [
    event for event in found if event['ts'] <= 1e6 * end and _end(event) >= 1e6 * start
  ]
  if not inside:
    last = max(map(_end, found)) / 1e6
    raise errors.UserError(
      f'{run.workdir} has no event from {start:g} to {end:g} s: it lasts {last:.1f} s'
    )
  inside.sort(key=lambda event: event['ts'])
  notes = [run.clocks.describe()]
  if len(inside) > most_events:
    until = inside[most_events]['ts'] / 1e6
    notes.append(
      f'there are {len(inside)} events: only the first {most_events}, until {until:.3f} '
      's, are in the trace; choose other seconds, or allow more events'
    )
    inside = inside[:most_events]
  arrows = list(_arrows(inside))
  for event in inside:
    event.pop('push', None)
  return Trace([*_names(run), *inside, *arrows], notes)


def write(trace: Trace, path: Path) -> None:
  """Writes a trace, an event a line; compressed if the name ends in .gz."""
  opener = gzip.open if path.suffix == '.gz' else open
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(f'{path.name}.partial')
  encode = json.JSONEncoder(separators=(',', ':'), allow_nan=False).encode
  with opener(partial, 'wt') as file:
    file.write('{"displayTimeUnit":"ms","otherData":')
    file.write(encode({'notes': '; '.join(trace.notes)}))
    file.write(',"traceEvents":[\n')
    file.write(',\n'.join(map(encode, trace.events)))
    file.write('\n]}\n')
  partial.rename(path)


def _end(event: dict[str, Any]) -> float:
  return event['ts'] + event['dur']


def _spans(
  name: str,
  pid: int,
  tids: np.ndarray,
  start: np.ndarray,
  end: np.ndarray,
  args: dict[str, np.ndarray],
  origin: float,
) -> Iterator[dict[str, Any]]:
  """Returns complete events; those without times are left out."""
  known = ~np.isnan(start) & ~np.isnan(end)
  # Nanoseconds as thousandths: floats of seconds since 1970 hold no more than that.
  ts = np.round(1e6 * (start[known] - origin), 3)
  dur = np.maximum(np.round(1e6 * (end[known] - start[known]), 3), 0.0)
  columns = [values[known].tolist() for values in args.values()]
  rows = zip(*columns) if columns else ([] for _ in range(len(ts)))
  for tid, begins, lasts, values in zip(
    tids[known].tolist(), ts.tolist(), dur.tolist(), rows
  ):
    yield {
      'name': name,
      'ph': 'X',
      'pid': pid,
      'tid': tid,
      'ts': begins,
      'dur': lasts,
      'args': dict(zip(args, values)),
    }


def _row_of(replica: np.ndarray, kind: str) -> np.ndarray:
  """Returns the rows of what replicas do."""
  return (
    ROWS_OF_REPLICA * replica + {'compute': 0, 'wait': 0, 'fetch': 1, 'push': 2}[kind]
  )


def _replica_events(run: Run, origin: float) -> Iterator[dict[str, Any]]:
  records = run.records
  overlap = config_lib.overlaps(run.config)
  for kind in ('wait', 'fetch', 'compute', 'push'):
    rows = _row_of(records['replica'], kind if overlap else 'compute')
    args = {'step': records['step']}
    if kind == 'compute':
      args['loss'] = np.where(np.isfinite(records['loss']), records['loss'], 0.0)
    if kind == 'push':
      args |= {'gradients': records['gradients'], 'push': np.arange(len(records))}
    name = 'all-reduce' if kind == 'push' and run.config.algorithm != 'downpour' else kind
    times = records[f'{kind}_start'], records[f'{kind}_end']
    for event in _spans(name, _REPLICAS, rows, *times, args, origin):
      if kind == 'push':
        event['push'] = event['args'].pop('push')
      if kind != 'wait' or event['dur'] > 0:
        yield event


def _shard_events(run: Run, origin: float) -> Iterator[dict[str, Any]]:
  records = run.records
  for shard in range(run.num_shards):
    applied = (records['status'][:, shard] == steps.Status.APPLIED) & records['pushed']
    own = records[applied]
    where = np.flatnonzero(applied)
    if run.config.algorithm != 'downpour':  # Each replica makes the update itself.
      own, where = own[own['replica'] == 0], where[own['replica'] == 0]
    args = {
      'version': own['version_applied'][:, shard],
      'replica': own['replica'],
      'gradients': own['gradients'],
      'push': where,
    }
    times = own['applied_at'][:, shard], own['update_end'][:, shard]
    rows = np.full([len(own)], shard)
    for event in _spans('update', _SHARDS, rows, *times, args, origin):
      event['push'] = event['args'].pop('push')
      yield event


def _leader_events(run: Run, origin: float) -> Iterator[dict[str, Any]]:
  rows = {'evaluation': 0, 'checkpoint': 1}  # They may overlap.
  for activity in run.activities:
    yield {
      'name': activity.name,
      'ph': 'X',
      'pid': _LEADER,
      'tid': rows[activity.name],
      'ts': round(1e6 * (activity.start - origin), 3),
      'dur': max(0.0, round(1e6 * (activity.end - activity.start), 3)),
      'args': {'steps': activity.steps},
    }


def _arrows(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
  """Returns arrows from pushes to updates, where both are there."""
  sent = {e['push']: e for e in events if e['pid'] == _REPLICAS and 'push' in e}
  arrived = (e for e in events if e['pid'] == _SHARDS and e.get('push') in sent)
  for number, update in enumerate(arrived):
    push = sent[update['push']]
    for phase, event in (('s', push), ('f', update)):
      arrow = {'name': 'push', 'cat': 'push', 'ph': phase, 'id': number}
      arrow |= {key: event[key] for key in ('pid', 'tid', 'ts')}
      yield arrow | ({'bp': 'e'} if phase == 'f' else {})


def _names(run: Run) -> Iterator[dict[str, Any]]:
  overlap = config_lib.overlaps(run.config)
  replicas = {}
  for replica in np.unique(run.records['replica']).tolist():
    row = ROWS_OF_REPLICA * replica
    replicas[row] = f'replica {replica}'
    if overlap:
      replicas |= {
        row + 1: f'replica {replica}: fetch',
        row + 2: f'replica {replica}: push',
      }
  if run.config.algorithm == 'downpour':
    title, leader = 'parameter server', 'chief'
    shards = {shard: f'shard {shard}' for shard in range(run.num_shards)}
  else:
    title, leader = 'updates', 'worker 0'
    shards = {0: "replica 0's (all make the same)"}
  rooms = (
    (_REPLICAS, 'replicas', replicas),
    (_SHARDS, title, shards),
    (_LEADER, leader, {0: 'evaluations', 1: 'checkpoints'}),
  )
  for pid, name, rows in rooms:
    yield _metadata('process_name', pid, 0, {'name': name})
    yield _metadata('process_sort_index', pid, 0, {'sort_index': pid})
    for tid, row in rows.items():
      yield _metadata('thread_name', pid, tid, {'name': row})
      yield _metadata('thread_sort_index', pid, tid, {'sort_index': tid})


def _metadata(name: str, pid: int, tid: int, args: dict[str, Any]) -> dict[str, Any]:
  return {'name': name, 'ph': 'M', 'pid': pid, 'tid': tid, 'ts': 0, 'args': args}
