"""Runs the notebook as Jupyter does, and writes below its cells what they show.

python docs/tutorials/execute.py
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import nbclient
import nbformat

from distbelief.telemetry import provenance

FOLDER = Path(__file__).parent
NOTEBOOK = FOLDER / 'sgd-to-staleness.ipynb'
ROOT = FOLDER.parents[1]
SECONDS = 600  # For a cell; each takes less than a minute on a core of its own.


def execute(
  notebook: nbformat.NotebookNode, folder: str | os.PathLike, may_fail: bool = False
) -> nbformat.NotebookNode:
  """Runs all cells from top to bottom, in a kernel of their own.

  Args:
    notebook: Notebook; it gets the outputs.
    folder: Directory in which the kernel starts.
    may_fail: Whether a cell may raise; then its error is an output, and the next runs.

  Returns:
    The same notebook.

  Raises:
    nbclient.exceptions.CellExecutionError: If a cell raises that may not.
  """
  # A kernel below pytest would not catch what other processes write to its screen.
  environ = {k: v for k, v in os.environ.items() if k != 'PYTEST_CURRENT_TEST'}
  environ['PYTHONPATH'] = str(ROOT)
  client = nbclient.NotebookClient(
    notebook,
    timeout=SECONDS,
    allow_errors=may_fail,
    record_timing=False,
    resources={'metadata': {'path': os.fspath(folder)}},
  )
  return client.execute(env=environ)


def source_digest(notebook: nbformat.NotebookNode) -> str:
  """Returns the SHA-256 of all code; outputs of other code are out of date."""
  code = [cell.source for cell in notebook.cells if cell.cell_type == 'code']
  return hashlib.sha256('\n\n'.join(code).encode()).hexdigest()


def without_progress(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
  """Returns the notebook without standard error: progress, TensorFlow's messages."""
  for cell in notebook.cells:
    if cell.cell_type == 'code':
      cell.outputs = [o for o in cell.outputs if o.get('name') != 'stderr']
  return notebook


def main() -> None:
  """Writes the notebook with its outputs, and what they were made with."""
  notebook = nbformat.read(NOTEBOOK, as_version=4)
  with tempfile.TemporaryDirectory() as folder:
    execute(notebook, folder)
  notebook.metadata['outputs'] = {
    'of': source_digest(notebook),
    'packages': provenance.versions(),
  }
  nbformat.write(without_progress(notebook), NOTEBOOK)


if __name__ == '__main__':
  main()
