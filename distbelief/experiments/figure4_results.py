"""Figure 4 of the paper as a table and as a picture, on whatever data and clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from distbelief.experiments import intervals, tables
from distbelief.experiments.sweep import Method, Sweep

NOT_BUILT = 'Sandblaster L-BFGS'  # Its place in the table and in the picture.
SOURCE_NUMBERS = (
  'The text of the paper ranks the curves and gives no numbers: SGD is the slowest, 20 '
  'replicas with a fixed rate a significant improvement, Adagrad with 20 modestly '
  'faster still, Adagrad with 200 the fastest; all start from the same ten hours of '
  'simple SGD. What can only be read off the curves is not repeated here.'
)
PICTURE = (
  'In the picture the median and the range of the seeds. Thin lines before 0 are the '
  'warm start: the same minibatches for all methods, but where there is a parameter '
  'server each pays for a fetch and a push as well, and it lasts longer. Shaded is the '
  'shortest.'
)
CAPTION = (
  'Times in simulated seconds from the end of the warm start to the target on the '
  'hold-out set: median over the seeds, and its interval. *staleness*: mean number of '
  f'updates between a fetch and the push that came of it. {PICTURE}'
)


def table(sweep: Sweep, seeds: Sequence[int], target: float) -> str:
  """Returns a table of the methods, in Markdown."""
  head = ('method', *head_of_cells(target))
  rows = [
    (method.label, *cells(sweep, name, seeds, target))
    for name, method in sweep.methods.items()
  ]
  return tables.markdown(head, [*rows, not_built(len(head))])


def not_built(columns: int) -> tuple[str, ...]:
  """Returns the row of the method that is still to come."""
  return (NOT_BUILT, 'not built yet', *('' for _ in range(columns - 2)))


def head_of_cells(target: float) -> tuple[str, ...]:
  """Returns the names of the columns of `cells`."""
  return ('rate', f's to {target:.0%}', '% correct at the end', 'staleness')


def cells(
  sweep: Sweep, name: str, seeds: Sequence[int], target: float
) -> tuple[str, ...]:
  """Returns what a method came to, as cells of a table."""
  found = sweep.of(name, seeds)
  return (
    str(sweep.tuned[name]),
    intervals.of_times([curve.seconds_to(target) for curve in found]),
    intervals.of_percent([curve.end for curve in found]),
    f'{np.mean([curve.staleness for curve in found]):.1f}',
  )


def picture(
  sweep: Sweep,
  seeds: Sequence[int],
  target: float,
  title: str,
  stamp: str,
  *,
  dashed: Sweep | None = None,
  unit: str = 'simulated seconds',
) -> bytes:
  """Returns a PNG of the methods' curves.

  Args:
    sweep: Runs.
    seeds: Seeds.
    target: Hold-out accuracy that is marked.
    title: Title.
    stamp: Words across the picture; empty: none.
    dashed: Runs of the same methods whose medians are drawn dashed.
    unit: Unit of the times.
  """
  from distbelief.pictures import accuracy

  def lines(of: Sweep) -> dict[str, accuracy.Line]:
    return {
      method.label: accuracy.Line.of(of.of(name, seeds))
      for name, method in of.methods.items()
    }

  return accuracy.picture(
    lines(sweep),
    target,
    title,
    stamp,
    dashed=list(lines(dashed).values()) if dashed else (),
    missing=[f'{NOT_BUILT}: not built yet'],
    unit=unit,
  )


def relative_staleness(methods: Iterable[Method], num_steps: int) -> str:
  """Returns the staleness of the methods over their numbers of updates, for a title."""
  found = ', '.join(
    f'{(m.replicas - 1) / (m.longer * num_steps):.1g}' for m in methods if m.replicas > 1
  )
  return f'staleness over the number of updates: {found}'
