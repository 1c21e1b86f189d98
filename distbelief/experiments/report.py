"""Compares runs on one page: each trade-off in numbers and pictures."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jinja2
import numpy as np

from distbelief import config as config_lib
from distbelief.analysis import pushes, staleness, summary, trace, utilisation
from distbelief.analysis.run import Run
from distbelief.experiments import comparison
from distbelief.pictures import curves, gallery, style, timeline
from distbelief.telemetry import files
from distbelief.telemetry.metrics import Evaluation

_NOTHING = '-'
_EVENTS = 200_000  # Events per trace: some seconds to write, and quick to open.


@dataclasses.dataclass(frozen=True)
class Column:
  """One run's column in the table; None where nothing is known yet."""

  run: Run
  machines: str
  waiting: tuple[float, float] | None  # Mean and most over the replicas.
  staleness: dict[str, float | None]
  theory: float | None
  fresh: float | None  # Fraction of the pushes without staleness.
  skew: float | None  # Mean skew of the shards' versions in a fetch; None: one shard.
  opposite: tuple[int, int] | None
  seconds: float | None
  examples_per_second: float | None
  updates_per_second: float | None
  bytes_per_second: float | None
  last: Evaluation | None
  to_target: float | None


def column(run: Run) -> Column:
  """Returns the results of a run so far, from its records and evaluations."""
  config = run.config
  recorded = len(run.records) > 0
  table = summary.replica_table(
    run.last_launch,
    run.num_replicas if recorded else 0,
    config_lib.overlaps(config),
    config_lib.warmstart_steps(config),
  )
  waits = [row['waiting'] for row in table if row['waiting'] is not None]
  algorithm, shards = config_lib.algorithm(config), []
  if recorded:
    shards = utilisation.shard_table(run.last_launch, run.header, algorithm)
  computing = run.records['compute_end'] - run.records['compute_start']
  apart = staleness.skew(run.records)
  stale = summary.staleness(run.pushes)
  applied = pushes.staleness(run.pushes)
  last = run.evaluations[-1] if run.evaluations else None
  seconds, rate = _speed(run, last)
  return Column(
    run=run,
    machines=comparison.machines(config),
    waiting=(float(np.mean(waits)), float(np.max(waits))) if waits else None,
    staleness=stale,
    theory=staleness.theory(config, float(computing.mean()), run.header)
    if recorded
    else None,
    fresh=float((applied == 0).mean()) if len(applied) else None,
    skew=float(apart.mean()) if recorded and run.num_shards > 1 else None,
    opposite=staleness.opposite_orders(run.pushes)
    if recorded and run.num_shards > 1
    else None,
    seconds=seconds,
    examples_per_second=rate,
    updates_per_second=shards[0]['updates_per_second'] if shards else None,
    bytes_per_second=utilisation.bytes_per_second(shards, run.header, config)
    if recorded
    else None,
    last=last,
    to_target=summary.seconds_to_target(run.evaluations, config.target_accuracy),
  )


def _speed(run: Run, last: Evaluation | None) -> tuple[float | None, float | None]:
  """Returns seconds of training and examples per second, from the summary if possible."""
  if run.summary:
    return run.summary['seconds'], run.summary['examples_per_second']
  if len(run.last_launch):
    start, end = utilisation.span(run.last_launch)
    examples = len(run.last_launch) * run.config.data.batch_size
    return end - start, examples / max(end - start, 1e-9)
  return (last.seconds if last else None), None


# Rows of the table: the trade-off, its measure, and the value of each run.
Row: TypeAlias = tuple[str, str, Callable[[Column], str]]


def _number(value: float | None, form: str, unit: str = '') -> str:
  return _NOTHING if value is None else f'{value:{form}}{unit}'


def _rows(columns: Sequence[Column]) -> list[Row]:
  scored = [c.last for c in columns if c.last]
  updates = min((row.updates for row in scored), default=0)
  examples = min((row.examples for row in scored), default=0)

  def accuracy_after(field: str, count: int) -> Callable[[Column], str]:
    def of(column: Column) -> str:
      rows = [r for r in column.run.evaluations if getattr(r, field) <= count]
      if not rows:
        return _NOTHING
      return f'{_score(rows[-1])} at {getattr(rows[-1], field):,}'

    return of

  return [
    ('', 'algorithm', lambda c: comparison.algorithm(c.run.config)),
    ('', 'machines (how much slower each is)', lambda c: c.machines),
    ('Waiting', 'part of their time that replicas wait, mean', _waiting(0)),
    ('Waiting', 'the replica that waits most', _waiting(1)),
    ('Gradients', 'staleness: mean (theory)', _staleness),
    (
      *('Gradients', 'staleness: 95 % below; most'),
      lambda c: (
        f'{_number(c.staleness["p95"], ".0f")}; {_number(c.staleness["max"], ".0f")}'
      ),
    ),
    ('Gradients', 'consistent (staleness 0)', lambda c: _number(c.fresh, '.0%')),
    (
      *('Gradients', "skew of the shards' versions in a fetch, mean"),
      lambda c: _number(c.skew, '.2f'),
    ),
    (
      *('Gradients', 'pairs of pushes in opposite order on two shards'),
      lambda c: f'{c.opposite[0]:,} of {c.opposite[1]:,}' if c.opposite else _NOTHING,
    ),
    ('Throughput', 'examples/s', lambda c: _number(c.examples_per_second, ',.0f')),
    ('Throughput', 'updates/s', lambda c: _number(c.updates_per_second, ',.1f')),
    (
      *('Throughput', 'between tasks, counted'),
      lambda c: _number(
        None if c.bytes_per_second is None else c.bytes_per_second / 1e6, ',.1f', ' MB/s'
      ),
    ),
    (
      *('Convergence', 'accuracy at the end'),
      lambda c: _score(c.last) if c.last else _NOTHING,
    ),
    ('Convergence', f'after {updates:,} updates', accuracy_after('updates', updates)),
    ('Convergence', f'after {examples:,} examples', accuracy_after('examples', examples)),
    ('Wall-clock time', 'seconds', lambda c: _number(c.seconds, '.1f')),
    ('Wall-clock time', 'seconds to the target accuracy', _to_target),
    (
      *('Tuning', 'rule and rate of the parameters'),
      lambda c: (
        f'{c.run.config.server.optimizer}, {config_lib.learning_rate(c.run.config):g}'
      ),
    ),
    (
      *('Tuning', 'n_fetch, n_push; rate between fetches'),
      lambda c: config_lib.algorithm(c.run.config).intervals(c.run.config),
    ),
  ]


def _waiting(which: int) -> Callable[[Column], str]:
  return lambda c: _number(c.waiting[which] if c.waiting else None, '.0%')


def _staleness(column: Column) -> str:
  theory = _number(column.theory, '.2f')
  return f'{_number(column.staleness["mean"], ".2f")} ({theory})'


def _score(row: Evaluation) -> str:
  if np.isnan(row.holdout_accuracy):
    return f'loss {row.holdout_loss:.4g}'
  return f'{row.holdout_accuracy:.3f}'


def _to_target(column: Column) -> str:
  target = column.run.config.target_accuracy
  if target is None:
    return 'no target'
  if column.to_target is None:
    return f'{target:g}: never' if column.run.summary else f'{target:g}: not yet'
  return f'{target:g}: {column.to_target:.1f}'


def write(runs: Sequence[Run], folder: Path) -> Path:
  """Writes report.html, its pictures and the runs' traces; returns the page's path.

  Args:
    runs: Runs to compare, at least one; finished, under way or killed.
    folder: Folder of the page; created if missing.
  """
  folder.mkdir(parents=True, exist_ok=True)
  _tell_apart(runs)
  columns = [column(run) for run in runs]
  recorded = [run for run in runs if len(run.records)]
  learning = style.png(curves.learning(runs))
  pictures = {'learning': ('Accuracy against time, examples and updates', learning)}
  if recorded:
    pictures['timeline'] = (
      'Timelines: the same length of time of each run',
      style.png(timeline.draw(recorded)),
    )
    pictures['time_spent'] = (
      'What replicas and shards did with their time',
      style.png(curves.time_spent(recorded)),
    )
  for run in runs:
    for name, png in gallery.of_run(run, ('staleness', 'swarm')).items():
      pictures[f'{run.name}-{name}'] = (f'{run.name}: {gallery.MEANING[name]}', png)
  for name, (_, png) in pictures.items():
    (folder / f'{name}.png').write_bytes(png)
  traces = []
  for run in recorded:
    made = trace.make(run, most_events=_EVENTS)
    trace.write(made, folder / f'{run.name}-trace.json.gz')
    traces.append((f'{run.name}-trace.json.gz', '; '.join(made.notes)))
  page = folder / 'report.html'
  files.write_whole(page, _page(columns, pictures, traces))
  return page


def _tell_apart(runs: Sequence[Run]) -> None:
  """Names runs by as much of their paths as distinguishes them."""
  paths = [run.workdir.resolve().parts for run in runs]
  length = 1
  while len({path[-length:] for path in paths}) < len(set(paths)):
    length += 1
  for run, path in zip(runs, paths):
    run.name = '-'.join(path[-length:])


def _page(
  columns: Sequence[Column],
  pictures: dict[str, tuple[str, bytes]],
  traces: Sequence[tuple[str, str]],
) -> str:
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__, ''),
    autoescape=True,
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
  )
  return environment.get_template('report.html.jinja').render(
    names=', '.join(c.run.name for c in columns),
    made=datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
    runs=[_described(c.run) for c in columns],
    rows=[
      {'group': group, 'label': label, 'cells': [of(c) for c in columns]}
      for group, label, of in _rows(columns)
    ],
    pictures=[
      {'title': title, 'file': f'{name}.png', 'base64': base64.b64encode(png).decode()}
      for name, (title, png) in pictures.items()
    ],
    traces=traces,
  )


def _described(run: Run) -> dict[str, Any]:
  """Returns the page's description of a run, apart from its numbers."""
  origin: dict[str, Any] = (run.summary or {}).get('provenance', {})
  git = origin.get('git') or {}
  clean = '' if git.get('clean', True) else ' (with changes)'
  packages = origin.get('packages', {})
  return {
    'name': run.name,
    'missing': '; '.join(run.missing()),
    'origin': [
      run.workdir,
      f'{origin.get("started", "not finished")}, commit '
      f'{str(git.get("commit", "?"))[:12]}{clean}',
      f'{origin.get("processor", "")}, {origin.get("processors", "?")} processors, '
      f'TensorFlow {packages.get("tensorflow", "?")}',
    ],
    'command': ' '.join(origin.get('command', [])),
  }
