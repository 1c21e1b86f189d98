"""When a signal to stop interrupts a trainer."""

import os
import signal

import pytest

from distbelief.cluster.stop_signals import Stopped, StopSignals

KINDS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers():
  """As of a program in the foreground: in the background shells let SIGINT be ignored."""
  before = {kind: signal.getsignal(kind) for kind in KINDS}
  for kind in KINDS:
    signal.signal(kind, signal.SIG_DFL)
  yield
  for kind, handler in before.items():
    signal.signal(kind, handler)


def send(number):
  os.kill(os.getpid(), number)


@pytest.mark.parametrize(
  ('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_before_training_a_signal_interrupts_once(number, status):
  signals = StopSignals()
  signals.handle()
  with pytest.raises(Stopped):
    send(number)
  send(number)  # What cleans up is not interrupted again.
  assert signals.exit_status == status


def test_in_training_it_is_only_noted():
  signals = StopSignals()
  signals.handle()
  signals.in_training = True
  assert signals.number == 0
  send(signal.SIGTERM)
  assert signals.number == signal.SIGTERM


def test_one_that_was_to_be_ignored_stays_so():
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  signals = StopSignals()
  signals.handle()
  send(signal.SIGTERM)
  assert signals.number == 0
  with pytest.raises(Stopped):
    send(signal.SIGINT)
