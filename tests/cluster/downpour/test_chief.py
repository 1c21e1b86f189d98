"""The chief's loop, whose cluster is made up."""

import itertools
import types

from distbelief import config as config_lib
from distbelief.cluster.downpour import chief
from distbelief.rundir.context import RunContext
from distbelief.telemetry import provenance


class Windows:
  """None ever ends, or runs."""

  under_way = 0

  def start(self, count):
    del count

  def next(self, timeout):
    assert timeout <= 1


def test_a_clock_that_is_set_declares_no_replica_dead(monkeypatch, tmp_path):
  hours = itertools.count(0.0, 3600.0)  # It is set forward between any two looks at it.
  monkeypatch.setattr(chief.time, 'time', lambda: next(hours))
  lines = []
  display = types.SimpleNamespace(message=lines.append)
  addresses = {'cluster': {'worker': ['a:1'], 'ps': ['a:2']}}
  origin = provenance.Invocation([], 0.0)
  context = RunContext(config_lib.default_config(), tmp_path, display, origin)
  one = chief.Chief(context, addresses, lambda: None, lambda: None)
  one._windows, one._recorder = Windows(), types.SimpleNamespace()
  one._server = types.SimpleNamespace(
    pool=types.SimpleNamespace(open=lambda *unused: None)
  )
  looks = itertools.count(1)

  def observe():
    one._steps = 10 if next(looks) > 3 else 0
    return 0

  monkeypatch.setattr(one, '_observe', observe)
  one._run_phase('training', 10, alone=False)
  assert lines == []
