"""A run as a Chrome trace, for ui.perfetto.dev or chrome://tracing.

The JSON object format of the Trace Event Format: complete events ('X') on numbered rows,
their names as metadata ('M'), and an arrow ('s', 'f') from each push to the updates that
it made. Times are whole microseconds since the run's first step.
"""

from __future__ import annotations

import gzip
import itertools
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

MOST_EVENTS = 1_000_000  # Browsers still open so many: some 150 MB of JSON.

_REPLICAS, _SHARDS, _LEADER = 1, 2, 3  # Process ids.
ROWS_OF_REPLICA = 3  # Overlapping events need rows of their own.


class Trace(NamedTuple):
  """Events, and notes on them."""

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
    run: Run, finished or not.
    start: Time in seconds since the first step's start; events that end before are left
      out.
    end: Time likewise; events that start after it are left out.
    most_events: Largest number of events without arrows; if there are more, the trace
      ends before `end`, with a note.

  Raises:
    errors.UserError: If nothing is recorded, or nothing in these seconds.
  """
  if not len(run.records):
    raise errors.UserError(f'{run.workdir}: {", ".join(run.missing())}')
  spans = list(_of_run(run))
  last = max(float(np.max(one.ts + one.dur, initial=0.0)) for one in spans) / 1e6
  spans = [
    one.where((one.ts <= 1e6 * end) & (one.ts + one.dur >= 1e6 * start)) for one in spans
  ]
  starts = np.concatenate([one.ts for one in spans])
  if not len(starts):
    raise errors.UserError(
      f'{run.workdir} has no event from {start:g} to {end:g} s: it lasts {last:.1f} s'
    )
  notes = [run.describe_clocks()]
  if len(starts) > most_events:
    first = np.argsort(starts, kind='stable')
    notes.append(
      f'there are {len(starts)} events: only the first {most_events}, until '
      f'{starts[first[most_events]] / 1e6:.3f} s, are in the trace; choose other '
      'seconds, or allow more events'
    )
    kept = np.zeros([len(starts)], bool)
    kept[first[:most_events]] = True
    places = np.cumsum([len(one.ts) for one in spans])[:-1]
    spans = [one.where(own) for one, own in zip(spans, np.split(kept, places))]
  events = sorted(
    (event for one in spans for event in one.events()), key=lambda event: event['ts']
  )
  arrows = list(_arrows(events))
  for event in events:
    event.pop('push', None)
  return Trace([*_names(run), *events, *arrows], notes)


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


_STATUS = np.array([status.name.lower() for status in steps.Status])


class _Spans(NamedTuple):
  """Events of one kind, as columns: there may be millions."""

  name: str
  pid: int
  tid: np.ndarray
  ts: np.ndarray
  dur: np.ndarray
  args: dict[str, np.ndarray]
  push: np.ndarray | None = None  # The push that an event is, or is an update of.

  @classmethod
  def between(
    cls,
    name: str,
    pid: int,
    tid: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    args: dict[str, np.ndarray],
    push: np.ndarray | None = None,
  ) -> _Spans:
    """Returns events from `start` to `end`, in seconds; unknown times are left out."""
    known = ~np.isnan(start) & ~np.isnan(end)
    # Whole microseconds: an event that overlaps its neighbour by rounding is not drawn.
    ts = np.where(known, np.round(1e6 * start), 0).astype(int)
    until = np.where(known, np.round(1e6 * end), 0).astype(int)
    return cls(name, pid, tid, ts, np.maximum(until - ts, 0), args, push).where(known)

  def where(self, mask: np.ndarray) -> _Spans:
    """Returns some of the events."""
    return self._replace(
      tid=self.tid[mask],
      ts=self.ts[mask],
      dur=self.dur[mask],
      args={name: values[mask] for name, values in self.args.items()},
      push=None if self.push is None else self.push[mask],
    )

  def events(self) -> Iterator[dict[str, Any]]:
    """Yields complete events, with `push` if they have one."""
    columns = (
      zip(*(values.tolist() for values in self.args.values()))
      if self.args
      else itertools.repeat(())
    )
    numbers = itertools.repeat(None) if self.push is None else self.push.tolist()
    for tid, ts, dur, values, push in zip(
      self.tid.tolist(), self.ts.tolist(), self.dur.tolist(), columns, numbers
    ):
      event = {'name': self.name, 'ph': 'X', 'pid': self.pid, 'tid': tid}
      args = {n: v for n, v in zip(self.args, values) if v == v}  # JSON has no NaN.
      event |= {'ts': ts, 'dur': dur, 'args': args}
      if push is not None:
        event['push'] = push
      yield event


def _of_run(run: Run) -> Iterator[_Spans]:
  origin, _ = utilisation.span(run.records)
  yield from _of_replicas(run, origin)
  yield from _of_shards(run, origin)
  yield from _of_leader(run, origin)


def _row_of(replica: np.ndarray, kind: str) -> np.ndarray:
  """Returns the rows of the replicas' events."""
  return (
    ROWS_OF_REPLICA * replica + {'compute': 0, 'wait': 0, 'fetch': 1, 'push': 2}[kind]
  )


def _of_replicas(run: Run, origin: float) -> Iterator[_Spans]:
  records, algorithm = run.records, config_lib.algorithm(run.config)
  overlap = config_lib.overlaps(run.config)
  for kind in ('wait', 'fetch', 'compute', 'push'):
    rows = _row_of(records['replica'], kind if overlap else 'compute')
    start, end = (records[f'{kind}_{which}'] - origin for which in ('start', 'end'))
    args, name, push = {'step': records['step']}, kind, None
    if kind == 'compute':
      args['loss'] = np.where(np.isfinite(records['loss']), records['loss'], np.nan)
      args['status'] = _STATUS[records['status'].min(axis=1)]
    if kind == 'push':
      args['gradients'], push = records['gradients'], np.arange(len(records))
      name = algorithm.labels.push
    spans = _Spans.between(name, _REPLICAS, rows, start, end, args, push)
    yield spans.where(spans.dur > 0) if kind == 'wait' else spans
  if algorithm.waits_between_steps:
    replica, start, end = utilisation.gaps(records)
    rows = _row_of(replica, 'wait')
    yield _Spans.between(
      'between steps', _REPLICAS, rows, start - origin, end - origin, {}
    )


def _of_shards(run: Run, origin: float) -> Iterator[_Spans]:
  records = run.records
  replicated = config_lib.algorithm(run.config).updates_are_replicated
  for shard in range(run.num_shards):
    applied = (records['status'][:, shard] == steps.Status.APPLIED) & records['pushed']
    if replicated:
      applied &= records['replica'] == 0
    own = records[applied]
    args = {'version': own['version_applied'][:, shard]}
    args |= {name: own[name] for name in ('replica', 'gradients')}
    start, end = (own[name][:, shard] - origin for name in ('applied_at', 'update_end'))
    rows = np.full([len(own)], shard)
    yield _Spans.between(
      'update', _SHARDS, rows, start, end, args, np.flatnonzero(applied)
    )


def _of_leader(run: Run, origin: float) -> Iterator[_Spans]:
  for row, name in enumerate(('evaluation', 'checkpoint')):  # They may overlap.
    own = [activity for activity in run.activities if activity.name == name]
    start, end = (
      np.array([getattr(a, which) - origin for a in own]) for which in ('start', 'end')
    )
    args = {'steps': np.array([activity.steps for activity in own])}
    yield _Spans.between(name, _LEADER, np.full([len(own)], row), start, end, args)


def _arrows(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
  """Returns arrows from pushes to updates, where both exist."""
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
  labels = config_lib.algorithm(run.config).labels
  shards = {shard: labels.update_row.format(shard) for shard in range(run.num_shards)}
  rooms = (
    (_REPLICAS, 'replicas', replicas),
    (_SHARDS, labels.updates, shards),
    (_LEADER, labels.leader, {0: 'evaluations', 1: 'checkpoints'}),
  )
  for pid, name, rows in rooms:
    yield _metadata('process_name', pid, 0, {'name': name})
    yield _metadata('process_sort_index', pid, 0, {'sort_index': pid})
    for tid, row in rows.items():
      yield _metadata('thread_name', pid, tid, {'name': row})
      yield _metadata('thread_sort_index', pid, tid, {'sort_index': tid})


def _metadata(name: str, pid: int, tid: int, args: dict[str, Any]) -> dict[str, Any]:
  return {'name': name, 'ph': 'M', 'pid': pid, 'tid': tid, 'ts': 0, 'args': args}
