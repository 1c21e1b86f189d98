"""How often whole numbers occur."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distbelief.pictures import style


def counts(
  samples: Sequence[Sequence[int]], title: str, label: str, stamp: str = ''
) -> bytes:
  """Returns a PNG: the part of each number, the median and the range over the samples.

  Args:
    samples: Numbers, one sequence per seed.
    title: Title.
    label: What the numbers are.
    stamp: Words across the picture; empty: none.
  """
  largest = max(max(sample) for sample in samples)
  parts = np.array(
    [np.bincount(sample, minlength=largest + 1) / len(sample) for sample in samples]
  )
  low, middle, high = np.quantile(parts, [0, 0.5, 1], axis=0)
  made = style.figure(6, 3.6)
  axes = made.subplots()
  numbers = np.arange(largest + 1)
  axes.bar(numbers, middle, color=style.of(0), width=0.8)
  axes.errorbar(numbers, middle, (middle - low, high - middle), fmt='none', color='black')
  axes.set_xlabel(label, fontsize=9)
  axes.set_ylabel('part of the fetches', fontsize=9)
  axes.set_title(title, fontsize=10, loc='left')
  style.quiet(axes)
  style.stamp(made, stamp)
  return style.png(made)
