"""Timelines: a row per replica and shard, synchronous runs above asynchronous ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from distbelief import config as config_lib
from distbelief.algorithms.catalog import Algorithm
from distbelief.analysis import utilisation
from distbelief.analysis.run import Run
from distbelief.pictures import style
from distbelief.telemetry import steps

_STEPS = 5  # Steps of the slowest replica in a picture.
_MOST_ROWS = 24  # Replicas in a picture; more would be lines.


def window(runs: Sequence[Run]) -> float:
  """Returns the seconds that a few steps of the slowest replica of all runs take."""
  longest = [0.0]
  for run in runs:
    records = run.records
    for replica in np.unique(records['replica']):
      own = np.sort(records['compute_start'][records['replica'] == replica])
      if len(own) > 1:
        longest.append(float(np.median(np.diff(own))))
  return _STEPS * max(longest) or 1.0


def draw(runs: Sequence[Run], start: float | None = None, seconds: float = 0.0) -> Figure:
  """Returns a picture with an interval of equal length of each run.

  Args:
    runs: Runs with recorded steps, at least one.
    start: Start of the interval in seconds since each run's first step; None: in its
      middle.
    seconds: Length of the interval; 0: a few steps of the slowest replica.
  """
  runs = sorted(runs, key=lambda run: _algorithm(run).is_asynchronous)
  seconds = seconds or window(runs)
  heights = [_num_rows(run) + 1.2 for run in runs]
  made = style.figure(11, 0.34 * sum(heights) + 0.9)
  panels = made.subplots(
    len(runs), 1, sharex=True, squeeze=False, height_ratios=heights
  ).ravel()
  for axes, run in zip(panels, runs):
    _panel(axes, run, start, seconds)
  panels[-1].set_xlabel('seconds')
  kinds = [
    Patch(color=style.COMPUTE, label='compute'),
    Patch(color=style.FETCH, label='fetch'),
    Patch(color=style.PUSH, label='push / all-reduce'),
    Patch(facecolor=style.WAIT, edgecolor='#999999', hatch='///', label='wait (idle)'),
  ]
  made.legend(handles=kinds, loc='outside lower right', ncols=4, fontsize=8)
  return made


def _algorithm(run: Run) -> Algorithm:
  return config_lib.algorithm(run.config)


def _num_rows(run: Run) -> int:
  return min(run.num_replicas, _MOST_ROWS) + run.num_shards


def _panel(axes: Axes, run: Run, start: float | None, seconds: float) -> None:
  first, _ = utilisation.span(run.records)
  if start is None:  # Not where a launch begins, nor where it ends, nor between two.
    launch = run.last_launch if len(run.last_launch) else run.records
    began, ended = utilisation.span(launch)
    start = began - first + max(0.0, (ended - began - seconds) / 2)
  begin = first + start
  algorithm = _algorithm(run)
  shown = min(run.num_replicas, _MOST_ROWS)
  labels = [f'replica {replica}' for replica in range(shown)]
  gaps = np.zeros([3, 0])
  if algorithm.waits_between_steps:
    gaps = np.stack(utilisation.gaps(run.records))
  for replica in range(shown):
    own = _inside(run.records[run.records['replica'] == replica], begin, seconds)
    idle = gaps[1:, gaps[0] == replica] - begin
    _replica_row(axes, replica, own, begin, config_lib.overlaps(run.config), idle)
  arrows = algorithm.has_server and seconds < 100 * window([run]) / _STEPS
  for shard in range(run.num_shards):
    labels.append(algorithm.labels.update_tick.format(shard))
    _shard_row(axes, shown + shard, run, shard, begin, seconds, arrows)
  if algorithm.replicas_wait:
    _barriers(axes, run, begin, seconds, shown)
  axes.set_yticks(range(len(labels)), labels)
  axes.set_ylim(len(labels) - 0.4, -0.6)
  axes.set_xlim(0, seconds)
  left_out = (
    f', {shown} of {run.num_replicas} replicas' if shown < run.num_replicas else ''
  )
  kind = algorithm.labels.title
  title = f'{run.name}: {kind} (from {start:.2f} s on{left_out})'
  axes.set_title(title, fontsize=10, loc='left')
  style.quiet(axes)


def _inside(records: np.ndarray, begin: float, seconds: float) -> np.ndarray:
  """Returns the steps that overlap the interval, and one more on each side."""
  ends = np.fmax(records['push_end'], records['compute_end'])
  starts = np.fmin(records['wait_start'], records['compute_start'])
  return records[(ends >= begin) & (starts <= begin + seconds)]


def _replica_row(
  axes: Axes, row: int, own: np.ndarray, begin: float, overlap: bool, idle: np.ndarray
) -> None:
  full = (row - 0.38, 0.76)
  below = (row + 0.14, 0.24)  # Transfers beside the computing.
  places = {'wait': full, 'compute': full}
  places |= dict.fromkeys(('fetch', 'push'), below if overlap else full)
  looks: dict[str, dict[str, Any]] = {
    'wait': {'facecolors': style.WAIT, 'edgecolor': '#999999', 'hatch': '///'},
    'compute': {'facecolors': style.COMPUTE},
    'fetch': {'facecolors': style.FETCH},
    'push': {'facecolors': style.PUSH},
  }
  for kind, place in places.items():
    start, end = own[f'{kind}_start'] - begin, own[f'{kind}_end'] - begin
    known = ~np.isnan(start) & ~np.isnan(end)
    bars = np.stack([start[known], (end - start)[known]], axis=1)
    axes.broken_barh(bars.tolist(), place, linewidth=0, **looks[kind])
  bars = np.stack([idle[0], idle[1] - idle[0]], axis=1)
  axes.broken_barh(bars.tolist(), full, linewidth=0, **looks['wait'])
  if len(own):  # Marks ends of steps, which would look like one bar.
    axes.vlines(
      own['compute_start'] - begin, full[0], full[0] + full[1], color='w', linewidth=0.8
    )


def _shard_row(
  axes: Axes,
  row: int,
  run: Run,
  shard: int,
  begin: float,
  seconds: float,
  arrows: bool,
) -> None:
  records = run.records
  at = records['applied_at'][:, shard]
  inside = (records['status'][:, shard] == steps.Status.APPLIED) & records['pushed']
  inside &= (at >= begin) & (at <= begin + seconds)
  if _algorithm(run).updates_are_replicated:
    inside &= records['replica'] == 0
  axes.axhline(row, color='#dddddd', linewidth=0.8, zorder=0)
  for replica in np.unique(records['replica'][inside]):
    own = records[inside & (records['replica'] == replica)]
    start, end = own['applied_at'][:, shard] - begin, own['update_end'][:, shard] - begin
    least = seconds / 400  # Visible, however short.
    bars = np.stack([start, np.maximum(end - start, least)], axis=1)
    axes.broken_barh(
      bars.tolist(), (row - 0.38, 0.76), facecolors=style.of(replica), linewidth=0
    )
    if arrows and shard == 0:
      axes.vlines(
        *(start, replica + 0.38, row - 0.38),
        color=style.of(replica),
        linewidth=0.6,
        alpha=0.6,
      )


def _barriers(axes: Axes, run: Run, begin: float, seconds: float, rows: int) -> None:
  """Marks the times at which the last replica had computed: the others wait for it."""
  records = run.records
  ends, versions = records['compute_end'], records['version_applied'][:, 0]
  inside = (ends >= begin) & (ends <= begin + seconds)
  for version in np.unique(versions[inside]):
    last = ends[versions == version].max() - begin
    axes.vlines(last, -0.5, rows - 0.5, color=style.BARRIER, linestyle='--', linewidth=1)
