"""Accuracy against time, as in Figure 4 of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from distbelief.pictures import bands, style

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
    return self.of_part('holdout').begin

  def of_part(self, part: str) -> bands.Line:
    """Returns the accuracies on one set: training or holdout."""
    return bands.Line(self.seconds, getattr(self, part))


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
      _draw(axes, index, label, line.of_part(part))
    for index, line in enumerate(dashed):
      own = line.of_part(part)
      times, (_, middle, _) = own.between(max(own.begin, 0.0), own.end)
      axes.plot(times, middle, '--', linewidth=1, color=style.of(index))
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


def _draw(axes: Axes, index: int, label: str, line: bands.Line) -> None:
  if line.begin < 0:
    times, (_, middle, _) = line.between(line.begin, 0.0)
    axes.plot(times, middle, linewidth=0.6, color=style.of(index))
  bands.draw(axes, index, label, line, first=max(line.begin, 0.0))
