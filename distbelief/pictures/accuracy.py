"""Accuracy against time, as in Figure 4 of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from distbelief.pictures import style

_POINTS = 200
_PARTS = {
  'training': 'accuracy on the training set',
  'holdout': 'accuracy on the hold-out set',
}


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

  @property
  def begin(self) -> float:
    """First time that all seeds have; negative: there is a warm start."""
    return max(own[0] for own in self.seconds)

  @property
  def end(self) -> float:
    """Last time that all seeds have."""
    return min(own[-1] for own in self.seconds)

  def between(self, part: str, begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns times, and least, median and largest of the seeds, [3, times].

    Args:
      part: Name of the accuracies, training or holdout.
      begin: First time.
      end: Last time.
    """
    times = np.linspace(begin, end, _POINTS)
    pairs = zip(self.seconds, getattr(self, part))
    found = [np.interp(times, own, values) for own, values in pairs]
    return times, np.quantile(found, [0, 0.5, 1], axis=0)


def picture(
  lines: Mapping[str, Line],
  target: float | None,
  title: str,
  stamp: str = '',
  *,
  dashed: Sequence[Line] = (),
  missing: Sequence[str] = (),
  unit: str = 'simulated seconds',
) -> bytes:
  """Returns a PNG: the median over the seeds, and their range, on both sets.

  Before 0 the median of each method's own warm start is a thin line: its minibatches are
  the same for all, but not what they cost. The time that all warm starts have is shaded.

  Args:
    lines: Curves by the method's label.
    target: Accuracy that is marked; None: none.
    title: Title.
    stamp: Words across the picture; empty: none.
    dashed: Curves whose medians are drawn dashed, in the colours of the lines.
    missing: Words of the legend for methods without a curve.
    unit: Unit of the times.
  """
  made = style.figure(11, 4.2)
  panels = made.subplots(1, 2, sharey=True)
  for axes, (part, name) in zip(panels, _PARTS.items()):
    for index, (label, line) in enumerate(lines.items()):
      _draw(axes, line, part, label, style.of(index))
    for index, line in enumerate(dashed):
      times, bands = line.between(part, max(line.begin, 0.0), line.end)
      axes.plot(times, bands[1], '--', linewidth=1, color=style.of(index))
    for words in missing:
      axes.plot([], [], ':', color='#999999', label=words)
    axes.axvspan(common_begin(lines.values()), 0, color=style.WAIT, zorder=0)
    if target is not None:
      axes.axhline(target, color='#999999', linestyle=':', linewidth=1)
    axes.set_title(name, fontsize=10, loc='left')
    axes.set_xlabel(f'{unit} since the end of the warm start', fontsize=9)
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


def common_begin(lines: Iterable[Line]) -> float:
  """Returns when the shortest of the warm starts begins; 0: there is none."""
  return max((line.begin for line in lines if line.begin < 0), default=0.0)


def _draw(axes: Axes, line: Line, part: str, label: str, color: str) -> None:
  if line.begin < 0:
    times, bands = line.between(part, line.begin, 0.0)
    axes.plot(times, bands[1], linewidth=0.6, color=color)
  times, bands = line.between(part, max(line.begin, 0.0), line.end)
  axes.fill_between(times, bands[0], bands[2], alpha=0.2, linewidth=0, color=color)
  axes.plot(times, bands[1], linewidth=1.5, label=label, color=color)
