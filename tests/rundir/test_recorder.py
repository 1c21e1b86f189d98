"""What the recorder does when, by a clock that somebody sets."""

import contextlib
import types

from distbelief import config as config_lib
from distbelief.rundir.recorder import RunRecorder
from distbelief.telemetry.clock import Clock


def test_a_clock_that_is_set_back_delays_no_checkpoint():
  times = types.SimpleNamespace(wall=1e9, steady=100.0)
  book = RunRecorder.__new__(RunRecorder)
  book._config = config_lib.default_config()
  book._clock = Clock('cluster', lambda: times.wall, lambda: times.steady, False)
  book._activities = types.SimpleNamespace(
    during=lambda *unused: contextlib.nullcontext()
  )
  book._checkpoints = types.SimpleNamespace(write=lambda unused: None)
  book._first_step_at = 1e9
  book.save(types.SimpleNamespace(steps=3))
  assert not book.save_due
  times.wall -= 3600
  times.steady += book._config.checkpoint_seconds
  assert book.save_due
