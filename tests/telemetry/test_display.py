import contextlib
import fcntl
import io
import os
import pty
import struct
import termios

import numpy as np
import pytest

from distbelief.telemetry import display, events
from tests import runs


class Clock:
  now = 100.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock():
  return Clock()


@pytest.fixture
def plain(clock):
  return display.Display(io.StringIO(), clock)


def text(shown):
  return shown._stream.getvalue()


def test_plain_lines_name_what_is_known(plain, clock):
  clock.now += 12
  plain.progress(
    steps=340,
    num_steps=1000,
    loss=1.23456,
    accuracy=0.8125,
    examples_per_second=23412.3,
    staleness=1.02,
    phase='warm start',
  )
  assert text(plain) == (
    '12 s: warm start, 340/1000 steps, loss 1.2346, accuracy 0.812, '
    '23,412 examples/s, staleness 1.02\n'
  )


def test_plain_lines_come_every_few_seconds_and_at_the_end(plain, clock):
  for steps in range(0, 1001, 100):
    plain.progress(steps=steps, num_steps=1000)
    clock.now += 1
  assert text(plain).splitlines() == [
    '0 s: 0/1000 steps',
    '5 s: 500/1000 steps',
    '10 s: 1000/1000 steps',
  ]


def test_closing_shows_the_last_progress_once(plain):
  plain.progress(steps=1, num_steps=9)
  plain.progress(steps=2, num_steps=9)
  plain.close()
  plain.close()
  assert text(plain).splitlines() == ['0 s: 1/9 steps', '0 s: 2/9 steps']


def test_a_long_preparation_is_told_until_there_is_progress(plain, clock):
  plain.preparing('tracing a training step')
  plain.refresh()
  assert not text(plain)  # Most take less than the patience.
  for _ in range(10):
    clock.now += 1
    plain.refresh()
  plain.preparing('first step')
  clock.now += 1
  plain.progress(steps=1, num_steps=9)
  clock.now += 60
  plain.refresh()
  assert text(plain).splitlines() == [
    '3 s: tracing a training step',
    '8 s: tracing a training step',
    '11 s: 1/9 steps',
  ]


def test_a_preparation_is_told_though_nothing_else_happens(plain, clock):
  plain.preparing('tracing a training step')
  clock.now += 4
  runs.eventually(lambda: text(plain) == '4 s: tracing a training step\n')
  plain.close()
  assert len(text(plain).splitlines()) == 1


def screen_of(draw, columns):
  """Lines that a terminal has shown, one after the other."""
  ours, theirs = pty.openpty()
  fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack('4H', 24, columns, 0, 0))
  with open(theirs, 'w') as stream:
    draw(stream)
  screen = b''
  with contextlib.suppress(OSError):  # Which ends it, as the other side is closed.
    while True:  # A terminal hands over what it has, by and by.
      screen += os.read(ours, 65536)
  os.close(ours)
  return [line.rstrip() for line in screen.decode().replace('\n', '\r').split('\r')]


def test_a_preparation_is_drawn_with_its_time(clock):
  def draw(stream):
    shown = display.Display(stream, clock)
    shown.preparing('tracing a training step')
    shown.message('note: this is a line')
    shown.progress(steps=1, num_steps=9)
    shown.close()

  lines = screen_of(draw, 80)
  assert 'tracing a training step 00:00' in lines
  assert 'note: this is a line' in lines
  assert any('1/9' in line for line in lines)


@pytest.mark.parametrize('columns', [80, 120])
def test_the_bar_fits_the_terminal(columns):
  def draw(stream):
    shown = display.Display(stream)
    shown.progress(
      steps=123400,
      num_steps=200000,
      loss=1.23456,
      accuracy=0.8125,
      examples_per_second=23412.3,
      staleness=1.02,
    )
    shown.message('waiting for ps 1 at host2:2222, 30 s')
    shown.close()

  lines = screen_of(draw, columns)
  assert 'waiting for ps 1 at host2:2222, 30 s' in lines
  bar = max(lines, key=len)
  assert len(bar) <= columns
  assert '62%|' in bar and '123400/200000' in bar
  wide = 'loss 1.2346, accuracy 0.812, 23,412 examples/s, staleness 1.02'
  assert bar.endswith(wide if columns == 120 else 'acc 0.812 23,412 ex/s stale 1.0')


@pytest.fixture
def pipe():
  read, write = os.pipe()
  with open(read, 'rb') as reader:
    yield reader, write


def test_events_arrive_at_the_display(plain, pipe):
  reader, write = pipe
  sender = events.ProgressPipe(write)
  sender.preparing('first step')
  sender.message('a loss of … was seen')
  sender.progress(steps=np.int64(3), num_steps=9, loss=np.float32(0.5))
  os.close(write)
  for line in reader:
    events.deliver(line, plain)
  assert text(plain) == 'a loss of … was seen\n0 s: 3/9 steps, loss 0.5000\n'


def test_a_display_that_is_stuck_does_not_hold_up_the_training(pipe):
  reader, write = pipe
  sender = events.ProgressPipe(write)
  for _ in range(1000):
    sender.message('x' * 1000)
  os.close(write)
  assert {len(line) for line in reader} == {
    len('{"event": "message", "text": ""}\n') + 900
  }


def test_a_display_that_is_gone_does_not_end_the_training(pipe):
  reader, write = pipe
  reader.close()
  events.ProgressPipe(write).message('nobody is there')
  os.close(write)
