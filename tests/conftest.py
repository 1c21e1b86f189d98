import sys

import pytest


def pytest_collection_modifyitems(items):
  """Puts the longest first: none of them is then begun when all others have ended."""

  def least_first(item):
    limit = item.get_closest_marker('timeout')
    return -limit.args[0] if limit else 0, item.get_closest_marker('cluster') is None

  items.sort(key=least_first)


@pytest.fixture
def call(monkeypatch, capfd):
  """Calls a command's main in this process; (status, stdout, stderr)."""

  def run(program, *words):
    script = program.__module__.rpartition('.')[2]
    argv = [f'scripts/{script}.py', *map(str, words)]
    monkeypatch.setattr(sys, 'argv', argv)  # ml_collections looks there.
    capfd.readouterr()  # What TensorFlow wrote while a fixture started it.
    status = program(argv)
    return status, *capfd.readouterr()

  return run
