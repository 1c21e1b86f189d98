"""Rates against the time since something was killed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distbelief.pictures import style


def picture(
  lines: Mapping[str, tuple[np.ndarray, np.ndarray]], label: str, stamp: str = ''
) -> bytes:
  """Returns a PNG: median and range of the seeds.

  Args:
    lines: By label: times in seconds since the kill, [times], and rates, [seeds, times].
    label: What the rates are.
    stamp: Words across the picture; empty: none.
  """
  made = style.figure(8, 3.6)
  axes = made.subplots()
  for index, (name, (times, rates)) in enumerate(lines.items()):
    low, middle, high = np.quantile(rates, [0, 0.5, 1], axis=0)
    colour = style.of(index)
    axes.fill_between(times, low, high, step='mid', alpha=0.2, linewidth=0, color=colour)
    axes.step(times, middle, where='mid', color=colour, label=name)
  axes.axvline(0, color='#999999', linestyle=':', linewidth=1)
  axes.set_xlabel('seconds since a replica was killed', fontsize=9)
  axes.set_ylabel(label, fontsize=9)
  axes.set_ylim(bottom=0)
  axes.margins(x=0)
  axes.legend(fontsize=8)
  style.quiet(axes)
  style.stamp(made, stamp)
  return style.png(made)
