"""Measurements with several seeds against a size, by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from distbelief.pictures import style

_APART = 1.2  # Least factor between two sizes that are named.


class Line(NamedTuple):
  """The measurements of a method.

  Attributes:
    sizes: Places on the axis, ascending, 0 may be among them; a single one is a mark.
    values: Measurements at each place, one per seed; infinite or NaN: there is none.
  """

  sizes: Sequence[float]
  values: Sequence[Sequence[float]]


class Panel(NamedTuple):
  """One pair of axes, of which that of the sizes is logarithmic.

  Attributes:
    x: Label of the sizes.
    y: Label of the measurements.
    lines: Lines by their label.
    logarithmic: Whether the axis of the measurements is logarithmic.
  """

  x: str
  y: str
  lines: Mapping[str, Line]
  logarithmic: bool = True


def picture(panels: Sequence[Panel], title: str, stamp: str = '') -> bytes:
  """Returns a PNG: median and range of the seeds; above, how many have no value.

  Where most have none, neither has the median: there is the range of the others alone.

  Args:
    panels: Panels, from left to right.
    title: Title.
    stamp: Words across the picture; empty: none.
  """
  made = style.figure(5.5 * len(panels), 4.2)
  for axes, panel in zip(made.subplots(1, len(panels), squeeze=False)[0], panels):
    _draw(axes, panel)
  made.suptitle(title, fontsize=10)
  style.stamp(made, stamp)
  return style.png(made)


def _draw(axes: Axes, panel: Panel) -> None:
  sizes = sorted({size for line in panel.lines.values() for size in line.sizes})
  _scale(axes, sizes)
  if panel.logarithmic:
    axes.set_yscale('log')
  for index, (label, line) in enumerate(panel.lines.items()):
    samples = [np.asarray(values, np.float64) for values in line.values]
    there = [sample[np.isfinite(sample)] for sample in samples]
    for size, sample, own in zip(line.sizes, samples, there):
      if len(own) < len(sample):
        axes.annotate(
          f'{len(sample) - len(own)} of {len(sample)} never',
          (size, 1.0 - 0.05 * index),
          xycoords=('data', 'axes fraction'),
          color=style.of(index),
          ha='center',
          va='top',
          fontsize=7,
        )
    points = [(size, own) for size, own in zip(line.sizes, there) if len(own)]
    ends = np.array([(own.min(), own.max()) for _, own in points]).reshape(-1, 2)
    axes.errorbar(
      [size for size, _ in points],
      ends.mean(axis=1),
      np.ptp(ends, axis=1) / 2,
      fmt='none',
      color=style.of(index),
      capsize=3,
      linewidth=1.3,
    )
    axes.plot(
      line.sizes,
      [_median(sample) for sample in samples],
      'o-' if len(line.sizes) > 1 else 's',
      color=style.of(index),
      label=label,
      markersize=4,
      linewidth=1.3,
    )
  names = [f'{size:,.0f}' if size >= 10 else f'{size:g}' for size in sizes]
  for place in range(1, len(sizes)):
    if sizes[place] < _APART * sizes[place - 1] and names[place - 1]:
      names[place] = ''  # It would lie over the name before.
  axes.set_xticks(sizes, names)
  axes.minorticks_off()
  axes.set_xlabel(panel.x, fontsize=9)
  axes.set_ylabel(panel.y, fontsize=9)
  axes.margins(y=0.2)
  axes.legend(fontsize=8)
  style.quiet(axes)


def _median(sample: np.ndarray) -> float:
  """Returns the median, NaN if it is infinite; NaN counts as infinite."""
  middle = np.median(np.where(np.isnan(sample), np.inf, sample))
  return float(middle) if np.isfinite(middle) else np.nan


def _scale(axes: Axes, sizes: Sequence[float]) -> None:
  """Makes the axis of the sizes logarithmic; 0 is a step to the left of the least."""
  if min(sizes) > 0:
    axes.set_xscale('log')
  elif max(sizes) > 0:
    axes.set_xscale('symlog', linthresh=min(size for size in sizes if size))
