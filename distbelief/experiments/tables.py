"""Tables as text: Markdown for results, aligned columns for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tabulate

# Aligned columns with one blank between them, so that a line fits a terminal.
_NARROW = tabulate.TableFormat(
  lineabove=None,
  linebelowheader=tabulate.Line('', '-', ' ', ''),
  linebetweenrows=None,
  linebelow=None,
  headerrow=tabulate.DataRow('', ' ', ''),
  datarow=tabulate.DataRow('', ' ', ''),
  padding=0,
  with_header_hide=None,
)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """Returns a table in Markdown.

  Args:
    head: Names of the columns.
    rows: Cells, already written as text.
  """
  return tabulate.tabulate(rows, head, tablefmt='github', disable_numparse=True)


def text(head: Sequence[str], rows: Iterable[Sequence[str]], num_left: int) -> str:
  """Returns a table whose columns are aligned and stand close together.

  Args:
    head: Names of the columns.
    rows: Cells, already written as text.
    num_left: Number of the first columns that are aligned to the left; the others are
      to the right.
  """
  sides = ['left' if index < num_left else 'right' for index in range(len(head))]
  # The head is passed as a row: as a head, it would get two more blanks.
  lines = [head, tabulate.SEPARATING_LINE, *rows]
  table = tabulate.tabulate(
    lines, tablefmt=_NARROW, colalign=sides, disable_numparse=True
  )
  return '\n'.join(line.rstrip() for line in table.splitlines())
