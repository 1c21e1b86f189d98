import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from distbelief import errors
from distbelief.cluster import rendezvous


@pytest.fixture
def listener():
  with socket.create_server(('127.0.0.1', 0)) as server:
    yield server


@pytest.fixture
def impatient(monkeypatch):
  monkeypatch.setattr(rendezvous, '_FIRST_LINE_SECONDS', 0.1)
  monkeypatch.setattr(rendezvous, '_NEXT_LINE_SECONDS', 0.1)


def address_of(listener):
  return f'127.0.0.1:{listener.getsockname()[1]}'


def closed_address():
  with socket.create_server(('127.0.0.1', 0)) as server:
    return address_of(server)


def test_tasks_that_are_there_are_not_waited_for(listener):
  cluster = {'chief': [closed_address()], 'ps': [address_of(listener)]}
  rendezvous.wait_for_tasks(cluster, 0.0, pytest.fail)


def test_who_is_missing_is_said_on_one_line_until_the_timeout(listener, impatient):
  there, missing, nowhere = address_of(listener), closed_address(), 'no.invalid:2222'
  lines = []
  with pytest.raises(errors.LostPeerError) as caught:
    rendezvous.wait_for_tasks(
      {'ps': [there, missing], 'worker': [nowhere]}, 0.5, lines.append
    )
  names = f'ps 1 at {missing}, worker 0 at {nowhere} (unknown host)'
  assert lines[0] == f'waiting for {names}, 0 s'
  assert len(lines) > 1
  assert str(caught.value).startswith(f'no {names} after ')
  assert 'config.cluster.start_timeout (0.5 s)' in str(caught.value)
  assert caught.value.status == errors.LOST_PEER


def test_a_late_task_ends_the_waiting(impatient):
  address = closed_address()
  host, port = address.split(':')
  servers_started = []

  def start(unused_line):
    if not servers_started:
      servers_started.append(socket.create_server((host, int(port))))

  rendezvous.wait_for_tasks({'worker': [address]}, 30.0, start)
  servers_started[0].close()


def test_ctrl_c_works_while_waiting(impatient):
  def interrupt(unused_line):
    os.kill(os.getpid(), signal.SIGINT)

  # A shell starts what it puts in the background with SIGINT ignored.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    with pytest.raises(KeyboardInterrupt):
      rendezvous.wait_for_tasks({'ps': [closed_address()]}, 30.0, interrupt)
  finally:
    signal.signal(signal.SIGINT, before)


def test_a_chief_is_gone_when_it_was_there_and_is_away_for_a_while(listener):
  now = [0.0]
  gone = rendezvous.ChiefGone(address_of(listener), patience=30.0, clock=lambda: now[0])
  assert not gone()
  listener.close()
  now[0] = 30.0
  assert not gone()
  now[0] = 31.0
  assert gone()


def test_a_chief_that_has_not_come_yet_is_not_gone():
  now = [0.0]
  gone = rendezvous.ChiefGone(closed_address(), patience=30.0, clock=lambda: now[0])
  now[0] = 1000.0
  assert not gone()


def serve_in_a_process(address, ended='False'):
  """Its own process: a TensorFlow server never goes before its process does."""
  program = (
    'from distbelief.cluster import serving\n'
    f'tf_config = {{"cluster": {{"ps": ["{address}"]}}}}\n'
    f'serving.serve("ps", 0, tf_config, ended=lambda: {ended})\n'
  )
  return subprocess.Popen(
    [sys.executable, '-c', program],
    stderr=subprocess.PIPE,
    text=True,
    env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
  )


@pytest.mark.cluster
def test_a_port_in_use_is_told_in_one_line(listener):
  process = serve_in_a_process(address_of(listener))
  _, stderr = process.communicate(timeout=60)
  assert stderr.splitlines()[-1].startswith(
    f'distbelief.errors.UserError: ps 0 cannot listen at {address_of(listener)}: '
  )


@pytest.mark.cluster
def test_a_server_lives_until_the_run_has_ended(tmp_path):
  address = closed_address()
  ended = f'__import__("os").path.exists({str(tmp_path / "ended")!r})'
  process = serve_in_a_process(address, ended)
  drain = threading.Thread(target=process.stderr.read)
  drain.start()
  rendezvous.wait_for_tasks({'ps': [address]}, 60.0, print)
  (tmp_path / 'ended').touch()
  start = time.monotonic()
  assert process.wait(60) == 0
  assert time.monotonic() - start < 30
  drain.join()


def test_a_task_answers_before_its_server_does():
  address = closed_address()
  for _ in range(2):  # Nothing keeps the port.
    with rendezvous.answering(address):
      for _ in range(200):  # More than wait in line unanswered.
        rendezvous.wait_for_tasks({'worker': [address]}, 0.0, pytest.fail)
    with pytest.raises(errors.LostPeerError):
      rendezvous.wait_for_tasks({'worker': [address]}, 0.0, lambda line: None)


def test_a_task_that_cannot_answer_says_so(listener):
  with pytest.raises(OSError, match='in use'), rendezvous.answering(address_of(listener)):
    pytest.fail('the port is taken')
