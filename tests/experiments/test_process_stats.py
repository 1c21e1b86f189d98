"""The processes of a run as the system sees them."""

import os
import subprocess
import sys

from distbelief.experiments import process_stats
from tests.runs import eventually

_CODE = """
import subprocess, sys, time
child = None
if len(sys.argv) > 1:
  child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=subprocess.PIPE)
while time.process_time() < 0.2:
  pass
sys.stdin.read()
"""


def test_children_of_children_are_found_until_they_end():
  with subprocess.Popen(
    [sys.executable, '-c', _CODE, _CODE], stdin=subprocess.PIPE
  ) as one:
    both = eventually(lambda: process_stats.descendants(one.pid))
    assert both[0].pid != one.pid and both[0].name.startswith('python')
    eventually(lambda: process_stats.descendants(one.pid)[0].seconds >= 0.1)
    mine = {process.pid for process in process_stats.descendants(os.getpid())}
    assert {one.pid, both[0].pid} <= mine
    one.stdin.close()
  assert process_stats.descendants(one.pid) == []
