"""Lines over several seeds: the median, and around it the range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from distbelief.pictures import style

_POINTS = 200
_COLUMNS = 2


class Line(NamedTuple):
  """A line of several seeds.

  Attributes:
    places: Places on the axis, ascending, one sequence per seed.
    values: Value at each place.
  """

  places: Sequence[Sequence[float]]
  values: Sequence[Sequence[float]]

  @property
  def begin(self) -> float:
    """First place that all seeds have."""
    return max(own[0] for own in self.places)

  @property
  def end(self) -> float:
    """Last place that all seeds have."""
    return min(own[-1] for own in self.places)

  def between(self, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns places, and least, median and largest value of the seeds, [3, places]."""
    places = np.linspace(first, last, _POINTS)
    found = [np.interp(places, *own) for own in zip(*self)]
    return places, np.quantile(found, [0, 0.5, 1], axis=0)


class Panel(NamedTuple):
  """One pair of axes.

  Attributes:
    x: Label of the places.
    y: Label of the values.
    lines: Lines by their label.
    logarithmic: Whether the axis of the values is logarithmic.
  """

  x: str
  y: str
  lines: Mapping[str, Line]
  logarithmic: bool = False


def picture(panels: Sequence[Panel], title: str, stamp: str = '') -> bytes:
  """Returns a PNG; a label has the same colour in all panels.

  Args:
    panels: Panels, row by row.
    title: Title.
    stamp: Words across the picture; empty: none.
  """
  rows = math.ceil(len(panels) / _COLUMNS)
  made = style.figure(11, 0.4 + 3.8 * rows)
  labels = list(dict.fromkeys(label for panel in panels for label in panel.lines))
  for axes, panel in zip(made.subplots(rows, _COLUMNS, squeeze=False).flat, panels):
    for label, line in panel.lines.items():
      draw(axes, labels.index(label), label, line)
    if panel.logarithmic:
      axes.set_yscale('log')
    axes.set_xlabel(panel.x, fontsize=9)
    axes.set_ylabel(panel.y, fontsize=9)
    axes.margins(x=0)
    axes.legend(loc='upper right', fontsize=8, frameon=False)
    style.quiet(axes)
  made.suptitle(title, fontsize=10)
  style.stamp(made, stamp)
  return style.png(made)


def draw(
  axes: Axes, index: int, label: str, line: Line, first: float | None = None
) -> None:
  """Draws a line as far as all seeds have values.

  Args:
    axes: Axes to draw on.
    index: Index of its colour.
    label: Label of the line.
    line: Line to draw.
    first: Place where it begins; by default where all seeds have begun.
  """
  if not all(map(len, line.places)):
    return
  places, (low, middle, high) = line.between(
    line.begin if first is None else first, line.end
  )
  look: dict[str, Any] = {'color': style.of(index)}
  axes.fill_between(places, low, high, alpha=0.2, linewidth=0, **look)
  axes.plot(places, middle, linewidth=1.5, label=label, **look)
