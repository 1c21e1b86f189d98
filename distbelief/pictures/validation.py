"""The simulator against the cluster: throughput, and quantiles of staleness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from distbelief.pictures import style

_COLUMNS = 5


def picture(found: Mapping[str, Mapping[str, Any]], bound: float) -> bytes:
  """Returns a PNG.

  Args:
    found: Results of experiments.validation.compare, by case.
    bound: Relative error of throughput that is shaded.
  """
  rows = -(-(len(found) + 1) // _COLUMNS)
  figure = style.figure(2.4 * _COLUMNS, 2.3 * rows)
  panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
  _throughput(panels[0], found, bound)
  for axes, (name, row) in zip(panels[1:], found.items()):
    _quantiles(axes, name, row)
  for axes in panels[len(found) + 1 :]:
    axes.set_axis_off()
  figure.supxlabel('cluster', fontsize=9)
  figure.supylabel('simulator', fontsize=9)
  return style.png(figure)


def _throughput(axes: Axes, found: Mapping[str, Mapping[str, Any]], bound: float) -> None:
  pairs = [
    (row['cluster']['updates_per_second'], row['simulator']['updates_per_second'])
    for row in found.values()
  ]
  ends = min(map(min, pairs)) / 1.3, max(map(max, pairs)) * 1.3
  axes.fill_between(
    ends,
    [(1 - bound) * end for end in ends],
    [(1 + bound) * end for end in ends],
    color=style.WAIT,
  )
  axes.plot(*zip(*pairs), 'o', color=style.of(5), markersize=4)
  axes.set(xscale='log', yscale='log', xlim=ends, ylim=ends)
  axes.set_title(f'updates/s, within {bound:.0%}', fontsize=8)
  style.quiet(axes)


def _quantiles(axes: Axes, name: str, row: Mapping[str, Any]) -> None:
  own, other = row['cluster']['quantiles'], row['simulator']['quantiles']
  most = max(*own, *other, 1) * 1.05
  axes.plot((0, most), (0, most), color=style.WAIT)
  axes.plot(own, other, 'o', color=style.of(0), markersize=3)
  axes.set(xlim=(-0.03 * most, most), ylim=(-0.03 * most, most))
  axes.set_title(f'staleness: {name}', fontsize=8)
  style.quiet(axes)
