"""Starts the whole cluster of a config on this machine, shows it, and tears it down."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, TextIO

import ml_collections

from distbelief import config as configs
from distbelief import data, errors, models, user_code
from distbelief.cluster.launch import environment, supervisor
from distbelief.rundir import task_failures
from distbelief.telemetry import display as display_lib
from distbelief.telemetry import events, provenance

BODY = 'distbelief.cluster.launch.tasks:run'
CHECK = 'distbelief.cluster.launch.tasks:check'

_LAST_SECONDS = 10.0  # For tasks to be gone when the supervisor is.


def launch(
  config: ml_collections.ConfigDict,
  workdir: str,
  invocation: provenance.Invocation,
  body: str = BODY,
  check: str = CHECK,
  stream: TextIO | None = None,
) -> int:
  """Runs the cluster of `config` and returns an exit status (errors.py).

  Whatever happens, no process, port or temporary file is left. To be called in the main
  thread; Ctrl-C and SIGTERM let the leader write a checkpoint, a second one does not.

  Args:
    config: Config of the run, already checked.
    workdir: Directory of the run; each task's output goes to its logs/<job>-<index>.log.
    invocation: Command and start time of the run, for its summary.
    body: Function that a task runs, 'module:function', called as function(job, index,
      tf_config, context, wait_for_preflight).
    check: Function that must succeed before `wait_for_preflight` returns in any task, in
      the same form, called as function(config, warn); `warn` shows a line.
    stream: Stream for progress and messages; standard error by default.
  """
  workdir = os.path.abspath(workdir)
  logs = os.path.join(workdir, 'logs')
  os.makedirs(logs, exist_ok=True)
  task_failures.forget(logs)
  display = display_lib.Display(stream or sys.stderr)
  # Another body may do without TensorFlow.
  shared = _shared(config) if body == BODY else []
  order = supervisor.Order(
    configs.to_json(config), workdir, body, check, shared, *invocation
  )
  with (
    contextlib.closing(display),
    _Stop() as stop,
    _temporary_folder() as folder,
    _SupervisorProcess(order, folder) as tasks,
  ):
    stop.call(tasks)
    for line in tasks.events():
      events.deliver(line, display)
    display.close()  # What follows is the last on the screen.
    failure = task_failures.earliest(logs)
    if failure and not (stop.signals and failure.lost_a_peer):
      display.message(failure.describe(logs))
      return failure.exit_status
    if stop.signals and tasks.status:  # Else it came when all was done.
      name = task_failures.signal_name(stop.signals[0])
      display.message(f'stopped by {name}; the same command resumes the run')
      return 128 + stop.signals[0]
    if tasks.status:
      display.message(tasks.describe_failure())
      return errors.LOST_PEER if tasks.status < 0 else errors.FAILED
    return errors.DONE


def _shared(config: ml_collections.ConfigDict) -> list[str]:
  """Returns the modules that all tasks of a config import."""
  named = (
    data.built_ins().get(config.data.name),
    models.built_ins().get(config.model.name),
  )
  trainer = configs.algorithm(config).trainers['cluster']
  return [trainer, *(one.module for one in named if one)]


class _SupervisorProcess:
  """The supervisor process (supervisor.py), as the launcher handles it."""

  def __init__(self, order: supervisor.Order, folder: str) -> None:
    order.save(folder)
    self._log = os.path.join(folder, 'supervisor.log')
    self._events, events_end = os.pipe()
    commands_end, commands = os.pipe()
    self._commands = os.fdopen(commands, 'wb', buffering=0)
    with open(self._log, 'wb') as log:
      self._process = subprocess.Popen(
        [sys.executable, '-u', '-m', supervisor.__name__, folder, str(events_end)],
        stdin=commands_end,
        stdout=log,
        stderr=log,
        pass_fds=[events_end],
        start_new_session=True,  # Ctrl-C in a terminal is for the launcher only.
        env=environment.of_tasks(os.environ)
        | {'TMPDIR': folder, 'PYTHONPATH': user_code.python_path()},
      )
    os.close(events_end)
    os.close(commands_end)

  def __enter__(self) -> _SupervisorProcess:
    return self

  def __exit__(self, *unused: Any) -> None:
    self._commands.close()  # The supervisor kills the tasks that are left.
    with contextlib.suppress(subprocess.TimeoutExpired):
      self._process.wait(_LAST_SECONDS)
    self.kill()
    os.close(self._events)

  @property
  def status(self) -> int:
    """Exit status; minus the signal's number if it was killed."""
    return self._process.wait()

  def stop(self) -> None:
    """Asks the leader to stop; the others follow."""
    with contextlib.suppress(OSError):  # It has ended already.
      self._commands.write(b's')

  def kill(self) -> None:
    """Kills everything at once."""
    self._process.kill()

  def events(self) -> Iterator[bytes]:
    """Yields lines until the supervisor and all tasks are gone."""
    buffer, deadline = b'', None
    while deadline is None or time.monotonic() < deadline:
      if deadline is None and self._process.poll() is not None:
        deadline = time.monotonic() + _LAST_SECONDS
      if not select.select([self._events], [], [], 0.5)[0]:
        continue
      received = os.read(self._events, 65536)
      if not received:
        return
      *lines, buffer = (buffer + received).split(b'\n')
      yield from lines

  def describe_failure(self) -> str:
    """Returns the message for an end that no task explains."""
    end = (
      f'was killed by {task_failures.signal_name(-self.status)}; the same command '
      'resumes the run'
      if self.status < 0
      else f'ended with status {self.status}'
    )
    lines = task_failures.last_lines(self._log)
    return f'error: the process that holds the tasks {end}\n{lines}'.rstrip()


class _Stop:
  """Ctrl-C and SIGTERM: the first one asks the tasks to stop, the second kills them."""

  def __init__(self) -> None:
    self.signals: list[int] = []
    self._tasks: _SupervisorProcess | None = None

  def __enter__(self) -> _Stop:
    kinds = (signal.SIGINT, signal.SIGTERM, errors.CALLER_IS_GONE)
    self._before = {kind: signal.signal(kind, self._receive) for kind in kinds}
    return self

  def __exit__(self, *unused: Any) -> None:
    for kind, handler in self._before.items():
      signal.signal(kind, handler)

  def call(self, tasks: _SupervisorProcess) -> None:
    """Sets the tasks to stop; a signal may have arrived already."""
    self._tasks = tasks
    if self.signals:
      tasks.stop()

  def _receive(self, number: int, unused_frame: Any) -> None:
    if number == errors.CALLER_IS_GONE and self.signals:
      return  # The caller was stopped like us: that is no second request.
    self.signals.append(number)
    if self._tasks and len(self.signals) == 1:
      self._tasks.stop()
    elif self._tasks:
      self._tasks.kill()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
  """A folder that is removed in the end, even if another process removes it too."""
  folder = tempfile.mkdtemp(prefix='distbelief-')
  try:
    yield folder
  finally:
    shutil.rmtree(folder, ignore_errors=True)
