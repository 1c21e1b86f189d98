"""A task of a local cluster: a forked process with a session and a log of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable

from distbelief import errors
from distbelief.cluster.launch import linux, namespace
from distbelief.rundir import task_failures


def process_name(job: str, index: int) -> str:
  """Returns the name of a task's process; replica i reads its index from it."""
  if job == 'worker':
    return f'replica-{index}'
  return f'ps-{index}' if job == 'ps' else job


@dataclasses.dataclass
class Task:
  """One task; `pid` is None while it has no process."""

  job: str
  index: int
  logs: str  # Folder of the logs.
  body: Callable[[], None]
  network: namespace.Namespace | None = None  # None: that of the machine.
  leads: bool = True  # Else it serves another task, and does not stop before that.
  max_restarts: int = 0  # After having been killed.
  pid: int | None = None
  restarts: int = 0

  def __str__(self) -> str:
    return f'{self.job} {self.index}'

  @property
  def log(self) -> str:
    """Path of its log."""
    return task_failures.log_path(self.logs, self.job, self.index)

  @property
  def process_name(self) -> str:
    """Name in /proc/self/comm."""
    return process_name(self.job, self.index)

  def start(self) -> None:
    """Forks the process."""
    parent = os.getpid()
    self.pid = os.fork()
    if not self.pid:
      self._live(parent)

  def terminate(self) -> None:
    """Asks the process to end."""
    if self.pid is not None:
      os.kill(self.pid, signal.SIGTERM)

  def kill(self) -> None:
    """Kills the process and its descendants."""
    if self.pid is None:
      return
    for kill in (os.kill, os.killpg):  # It may not have a session of its own yet.
      with contextlib.suppress(ProcessLookupError):
        kill(self.pid, signal.SIGKILL)

  def reap(self) -> int | None:
    """Returns the status of a dead process, or minus the number of a signal."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    if self.pid is None or os.waitid(os.P_PID, self.pid, look) is None:
      return None
    self.kill()  # The rest of its session, whose id it keeps until it is reaped.
    _, status = os.waitpid(self.pid, 0)
    self.pid = None
    return os.waitstatus_to_exitcode(status)

  def _live(self, parent: int) -> None:
    """Runs the forked process, which ends here whatever happens."""
    status = errors.FAILED
    try:
      os.setsid()
      self._set_signals()
      self._redirect_output()
      if self.network:
        self.network.enter()
      linux.die_with(parent)
      linux.set_process_name(self.process_name)
      self.body()
      status = errors.DONE
    except SystemExit as end:
      status = exit_status(end)
    except BaseException as error:
      failure = task_failures.TaskFailure.from_exception(self.job, self.index, error)
      status = failure.exit_status
      print(failure.traceback, file=sys.stderr)
      failure.write(self.logs)
    finally:
      # Neither threads nor TensorFlow's destructors hold up the end.
      os._exit(status)

  def _set_signals(self) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Batch systems send SIGTERM to all processes of a job. All but the leader ignore it:
    # the leader needs them for its last checkpoint. They are killed when it has ended.
    signal.signal(signal.SIGTERM, signal.SIG_DFL if self.leads else signal.SIG_IGN)

  def _redirect_output(self) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for source, target in ((null, 0), (log, 1), (log, 2)):
      os.dup2(source, target)
    now = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())
    print(f'--- {self}, process {os.getpid()}, started {now} UTC', flush=True)
    faulthandler.enable()  # A crash in native code shows where Python was.


def exit_status(end: SystemExit) -> int:
  """Returns the status of a process that ends so; shows what it says."""
  if end.code is None:
    return errors.DONE
  if isinstance(end.code, int):
    return end.code & 0xFF
  print(end.code, file=sys.stderr)
  return errors.FAILED
