import sys

import pytest


@pytest.fixture
def call(monkeypatch, capfd):
  """Calls a program of command_line in this process; (status, stdout, stderr)."""

  def run(program, *words):
    argv = [f'{program.__name__}.py', *map(str, words)]
    monkeypatch.setattr(sys, 'argv', argv)  # ml_collections looks there.
    status = program(argv)
    return status, *capfd.readouterr()

  return run
