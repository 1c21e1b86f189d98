"""Accuracy against time, as in Figure 4 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from distbelief.pictures import bands, style


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
    begin = min(own[0] for own in next(iter(lines.values())).seconds)
    for index, (label, line) in enumerate(lines.items()):
      band = bands.Line(line.seconds, getattr(line, part))
      bands.draw(axes, index, label, band, first=0.0 if index else begin)
    axes.axvspan(min(begin, 0.0), 0, color=style.WAIT, zorder=0)
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
