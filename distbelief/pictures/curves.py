"""Learning curves, and the utilisation of replicas and shards; of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from distbelief import config as config_lib
from distbelief.analysis import summary, utilisation
from distbelief.analysis.run import Run
from distbelief.pictures import style

_MOST_BARS = 40

# Kinds of time: field of a summary, label, style.
_KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
  ('computing', 'compute', {'color': style.COMPUTE}),
  ('fetching', 'fetch', {'color': style.FETCH}),
  ('pushing', 'push / all-reduce', {'color': style.PUSH}),
  ('between_windows', 'between windows', {'color': style.BETWEEN}),
  (
    *('waiting', 'wait (idle)'),
    {'facecolor': style.WAIT, 'edgecolor': '#999999', 'hatch': '///'},
  ),
)


def learning(runs: Sequence[Run]) -> Figure:
  """Returns hold-out accuracy, or the loss, against time, examples and updates."""
  scored = [run for run in runs if run.evaluations]
  made = style.figure(11, 3.8)
  panels = made.subplots(1, 3, sharey=True)
  if not scored:
    for axes in panels:
      style.say(axes, 'no evaluation yet')
    return made
  rows = [row for run in scored for row in run.evaluations]
  accurate = not all(np.isnan(row.holdout_accuracy) for row in rows)
  name = 'holdout_accuracy' if accurate else 'holdout_loss'
  for axes, (field, label) in zip(
    panels,
    (
      ('seconds', 'seconds'),
      ('examples', 'examples'),
      ('updates', 'updates of the parameters'),
    ),
  ):
    for index, run in enumerate(runs):
      if run not in scored:
        continue
      points = [(getattr(row, field), getattr(row, name)) for row in run.evaluations]
      look = {'color': style.of(index), 'linewidth': 1.4, 'markersize': 3}
      axes.plot(*zip(*points), '.-', label=run.name, **look)
    axes.set_xlabel(label, fontsize=9)
    targets = {run.config.target_accuracy for run in scored} - {None}
    if accurate and len(targets) == 1:
      axes.axhline(targets.pop(), color='#999999', linestyle=':', linewidth=1)
    style.quiet(axes)
  panels[0].set_ylabel('hold-out accuracy' if accurate else 'hold-out loss', fontsize=9)
  made.legend(
    *panels[0].get_legend_handles_labels(),
    loc='outside lower center',
    ncols=4,
    fontsize=8,
  )
  return made


def time_spent(runs: Sequence[Run]) -> Figure:
  """Returns a chart of each replica's time by kind, and of the shards' load."""
  bars = [min(run.num_replicas + run.num_shards, _MOST_BARS) for run in runs]
  made = style.figure(11, 0.9 + sum(0.22 * count + 0.55 for count in bars))
  panels = made.subplots(
    len(runs), 1, sharex=True, squeeze=False, height_ratios=[b + 1.5 for b in bars]
  ).ravel()
  for axes, run in zip(panels, runs):
    _bars(axes, run)
  panels[-1].set_xlabel('part of the time', fontsize=9)
  panels[0].set_xlim(0, 1)
  handles = [Patch(label=label, **look) for _, label, look in _KINDS]
  handles.append(Patch(color=style.UPDATE, label='update (shard)'))
  made.legend(handles=handles, loc='outside lower center', ncols=6, fontsize=8)
  return made


def _bars(axes: Axes, run: Run) -> None:
  overlap = config_lib.overlaps(run.config)
  table = summary.replica_table(
    run.last_launch, run.num_replicas, overlap, config_lib.warmstart_steps(run.config)
  )
  algorithm, shards = config_lib.algorithm(run.config), []
  if algorithm.has_server:
    shards = utilisation.shard_table(run.last_launch, run.header, algorithm)
  table = table[: _MOST_BARS - len(shards)]
  labels = [f'replica {row["replica"]}' for row in table]
  labels += [f'shard {row["shard"]}' for row in shards]
  left = np.zeros(len(table))
  rows = np.arange(len(table))
  for kind, _, look in _KINDS:
    part = np.array([row[kind] or 0.0 for row in table])
    if overlap and kind in ('fetching', 'pushing'):  # They overlap computing.
      axes.barh(rows + 0.25, part, 0.2, **look)
      continue
    axes.barh(rows, part, 0.8, left=left, linewidth=0, **look)
    left += part
  busy = [row['busy'] or 0.0 for row in shards]
  places = len(table) + np.arange(len(shards))
  axes.barh(places, busy, 0.8, color=style.UPDATE)
  axes.set_yticks(range(len(labels)), labels)
  axes.set_ylim(len(labels) - 0.4, -0.6)
  axes.set_title(run.name, fontsize=10, loc='left')
  style.quiet(axes)
