"""Staleness by replica, by shard and over time, and version skew between shards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from distbelief.analysis import staleness, utilisation
from distbelief.analysis.pushes import counted
from distbelief.analysis.run import Run
from distbelief.pictures import style

_MOST_LINES = 10  # Replicas or shards that get a line of their own.
_BINS = 60  # Intervals of time.


def draw(run: Run) -> Figure:
  """Returns the picture of a run."""
  made = style.figure(11, 6.4)
  of_replica, of_shard, over_time, between = made.subplots(2, 2).ravel()
  pushes = run.pushes
  applied = counted(pushes)
  values = pushes['staleness'][applied]
  made.suptitle(f'{run.name}: staleness of {applied.any(axis=1).sum():,} pushes')
  if not len(values):
    for axes in (of_replica, of_shard, over_time, between):
      style.say(axes, 'no push on record')
    return made
  computing = np.mean(run.records['compute_end'] - run.records['compute_start'])
  theory = staleness.theory(run.config, float(computing), run.header)
  replicas = np.broadcast_to(pushes['replica'][:, np.newaxis], applied.shape)[applied]
  shards = np.broadcast_to(np.arange(applied.shape[1]), applied.shape)[applied]
  _distributions(of_replica, values, replicas, 'replica', theory)
  _distributions(of_shard, values, shards, 'shard', theory)
  _over_time(over_time, run, pushes, applied, theory)
  _skew(between, run)
  return made


def _distributions(
  axes: Axes, values: np.ndarray, groups: np.ndarray, word: str, theory: float | None
) -> None:
  top = int(np.percentile(values, 99.5)) + 2
  edges = np.arange(-0.5, top + 1)
  names = np.unique(groups)
  chosen: Sequence[int] = names[:_MOST_LINES].tolist()
  for index in chosen:
    own = values[groups == index]
    share = np.histogram(own, edges)[0] / len(own)
    label = f'{word} {index}: mean {own.mean():.2f}'
    axes.stairs(share, edges, color=style.of(index), label=label, linewidth=1.4)
  mean = values.mean()
  axes.axvline(mean, color='k', linewidth=1, label=f'mean {mean:.2f}')
  if theory is not None:
    label = f'theory {theory:.2f}'
    axes.axvline(theory, color=style.BARRIER, linestyle='--', linewidth=1, label=label)
  left_out = f' (first {len(chosen)})' if len(chosen) < len(names) else ''
  axes.set_title(f'by {word}{left_out}', fontsize=10, loc='left')
  axes.set_xlabel('updates between fetch and push', fontsize=8)
  axes.set_ylabel('share of pushes', fontsize=8)
  axes.legend(fontsize=7, frameon=False)
  style.quiet(axes)


def _over_time(
  axes: Axes, run: Run, pushes: np.ndarray, applied: np.ndarray, theory: float | None
) -> None:
  start, end = utilisation.span(run.records)
  when = np.broadcast_to(pushes['push_start'][:, np.newaxis], applied.shape)[applied]
  values, when = pushes['staleness'][applied][~np.isnan(when)], when[~np.isnan(when)]
  place = np.clip(((when - start) / (end - start) * _BINS).astype(int), 0, _BINS - 1)
  rows = []
  for bin_ in np.unique(place):
    own = values[place == bin_]
    middle = (bin_ + 0.5) * (end - start) / _BINS
    rows.append([middle, own.mean(), *np.percentile(own, [5, 95])])
  x, mean, low, high = np.array(rows).reshape([-1, 4]).T
  axes.fill_between(x, low, high, color=style.of(4), alpha=0.35, label='5 to 95 %')
  axes.plot(x, mean, color=style.of(0), label='mean')
  if theory is not None:
    axes.axhline(theory, color=style.BARRIER, linestyle='--', linewidth=1, label='theory')
  axes.set_ylim(bottom=0)
  axes.set_title('over time', fontsize=10, loc='left')
  axes.set_xlabel('seconds', fontsize=8)
  axes.legend(fontsize=7, frameon=False)
  style.quiet(axes)


def _skew(axes: Axes, run: Run) -> None:
  if run.num_shards < 2:
    style.say(axes, 'one shard: a fetch brings one version')
    return
  apart = staleness.skew(run.records)
  top = int(np.percentile(apart, 99.5)) + 2 if len(apart) else 2
  edges = np.arange(-0.5, top + 1)
  share = np.histogram(apart, edges)[0] / max(1, len(apart))
  axes.stairs(share, edges, fill=True, color=style.of(3))
  opposite, pairs = staleness.opposite_orders(run.pushes)
  axes.set_title(
    f"skew of the shards' versions in one fetch; {opposite:,} of {pairs:,}\npairs of "
    'pushes applied in opposite order on two shards',
    fontsize=10,
    loc='left',
  )
  axes.set_xlabel('newest less oldest version', fontsize=8)
  axes.set_ylabel('share of fetches', fontsize=8)
  style.quiet(axes)
