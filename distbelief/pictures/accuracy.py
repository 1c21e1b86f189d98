"""Accuracy against time, as in Figure 4 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from distbelief.pictures import style

_POINTS = 200


class Line(NamedTuple):
  """The curves of one method, one per seed.

  Attributes:
    seconds: Times since the end of the warm start, [points] each.
    training: Accuracies on the training set, [points] each.
    holdout: Accuracies on the hold-out set, [points] each.
  """

  seconds: Sequence[Sequence[float]]
  training: Sequence[Sequence[float]]
  holdout: Sequence[Sequence[float]]

  @classmethod
  def of(cls, curves: Sequence[Any]) -> Line:
    """Returns the line of a method's curves (experiments/curves.py), one per seed."""
    return cls(*zip(*((c.seconds, c.training, c.holdout) for c in curves)))


def picture(
  lines: Mapping[str, Line], target: float | None, title: str, stamp: str = ''
) -> bytes:
  """Returns a PNG: the median over the seeds, and their range, on both sets.

  Args:
    lines: Curves by the method's label; the first one has the warm start that is shown.
    target: Accuracy that is marked; None: none.
    title: Title.
    stamp: Words across the picture; empty: none.
  """
  made = style.figure(11, 4.2)
  panels = made.subplots(1, 2, sharey=True)
  names = ('accuracy on the training set', 'accuracy on the hold-out set')
  for axes, part, name in zip(panels, ('training', 'holdout'), names):
    begin = 0.0
    for index, (label, line) in enumerate(lines.items()):
      low, times, bands = _over_seeds(line.seconds, getattr(line, part), index == 0)
      begin = min(begin, low)
      look = {'color': style.of(index)}
      axes.fill_between(times, bands[0], bands[2], alpha=0.2, linewidth=0, **look)
      axes.plot(times, bands[1], linewidth=1.5, label=label, **look)
    axes.axvspan(begin, 0, color=style.WAIT, zorder=0)
    if target is not None:
      axes.axhline(target, color='#999999', linestyle=':', linewidth=1)
    axes.set_title(name, fontsize=10, loc='left')
    axes.set_xlabel('simulated seconds since the end of the warm start', fontsize=9)
    axes.margins(x=0)
    style.quiet(axes)
  made.suptitle(title, fontsize=10)
  style.stamp(made, stamp)
  made.legend(
    *panels[0].get_legend_handles_labels(),
    loc='outside lower center',
    ncols=2,
    fontsize=8,
  )
  return style.png(made)


def _over_seeds(
  seconds: Sequence[Sequence[float]], values: Sequence[Sequence[float]], with_warm: bool
) -> tuple[float, np.ndarray, np.ndarray]:
  """Returns the first time, times, and least, median and largest of the seeds."""
  first = max(own[0] for own in seconds) if with_warm else 0.0
  last = min(own[-1] for own in seconds)
  times = np.linspace(first, last, _POINTS)
  found = [np.interp(times, own, value) for own, value in zip(seconds, values)]
  return first, times, np.quantile(found, [0, 0.5, 1], axis=0)
