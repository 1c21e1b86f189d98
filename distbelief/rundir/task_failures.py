"""Why a task failed: logs/<job>-<index>.error.json, and its message on the screen.

When one task fails the others soon fail as well, because it is gone. Each leaves its
file; the earliest one that is no consequence of another's end is the cause.
"""

from __future__ import annotations

import dataclasses
import glob
import json
import os
import signal
import time
import traceback

from distbelief import errors
from distbelief.telemetry import files

_SHOWN_LINES = 10  # Lines of a failed task's log.


@dataclasses.dataclass(frozen=True)
class TaskFailure:
  """One task's failure."""

  job: str
  index: int
  time: float  # Unix time.
  kind: str  # user_error, exception, exit or signal.
  status: int  # The signal's number, or the task's exit status.
  reason: str  # One line.
  traceback: str = ''

  @classmethod
  def from_exception(cls, job: str, index: int, error: BaseException) -> TaskFailure:
    """Returns the failure of a task that raised."""
    text = ''.join(traceback.format_exception(error))
    told, name = errors.first_line(error), type(error).__name__
    if isinstance(error, errors.UserError):
      reason = told or name
      return cls(job, index, time.time(), 'user_error', error.status, reason, text)
    reason = f'{name}: {told}' if told else name
    return cls(job, index, time.time(), 'exception', errors.FAILED, reason, text)

  @classmethod
  def from_status(cls, job: str, index: int, status: int) -> TaskFailure:
    """Returns the failure of a task that ended; a negative status is a signal's."""
    if status >= 0:
      reason = f'ended with status {status}'
      return cls(job, index, time.time(), 'exit', status, reason)
    reason = f'was killed by {signal_name(-status)}'
    if -status == signal.SIGALRM:  # See cluster/synchronous/collectives.py.
      reason += ', as another worker went away while all connected'
    return cls(job, index, time.time(), 'signal', -status, reason)

  @property
  def exit_status(self) -> int:
    """Exit status of the launcher."""
    return errors.LOST_PEER if self.kind == 'signal' else self.status

  @property
  def lost_a_peer(self) -> bool:
    """Whether it failed only because another task was gone."""
    return self.kind == 'user_error' and self.status == errors.LOST_PEER

  def write(self, logs: str) -> None:
    """Writes the task's .error.json, unless the task itself has written one."""
    path = _path(logs, self.job, self.index)
    if os.path.exists(path):
      return
    files.write_whole(path, json.dumps(dataclasses.asdict(self), indent=2))

  def describe(self, logs: str) -> str:
    """Returns the message for the screen."""
    if self.kind == 'user_error':
      return f'error: {self.reason}'
    log = log_path(logs, self.job, self.index)
    remedy = '; the same command resumes the run' if self.exit_status >= 128 else ''
    return (
      f'error: {self.job} {self.index} {self.reason}{remedy}\n'
      f'its log, {short(log)}, ends with:\n{last_lines(log)}'
    )


def signal_name(number: int) -> str:
  """Returns e.g. 'signal 9 (SIGKILL)'."""
  known = number in set(signal.Signals)
  return f'signal {number}' + (f' ({signal.Signals(number).name})' if known else '')


def log_path(logs: str, job: str, index: int) -> str:
  """Returns the path of a task's log."""
  return os.path.join(logs, f'{job}-{index}.log')


def short(path: str) -> str:
  """Returns a path as the user would write it, relative if that is shorter."""
  return min(os.path.relpath(path), os.path.abspath(path), key=len)


def forget(logs: str) -> None:
  """Removes the failures of earlier launches in this workdir."""
  for path in glob.glob(os.path.join(glob.escape(logs), '*.error.json*')):
    os.remove(path)


def earliest(logs: str) -> TaskFailure | None:
  """Returns the first failure by time; a lost peer is the cause only if nothing else is.

  A task that loses a peer may notice before the launcher does.
  """
  failures = []
  for path in glob.glob(os.path.join(glob.escape(logs), '*.error.json')):
    with open(path) as file:
      failures.append(TaskFailure(**json.load(file)))
  return min(failures, key=lambda f: (f.lost_a_peer, f.time), default=None)


def last_lines(path: str) -> str:
  """Returns the end of a log, indented."""
  with open(path, 'rb') as file:
    file.seek(max(0, os.path.getsize(path) - 100 * 1024))
    lines = file.read().decode(errors='replace').splitlines()
  return '\n'.join(f'  {line}' for line in lines[-_SHOWN_LINES:])


def _path(logs: str, job: str, index: int) -> str:
  return os.path.join(logs, f'{job}-{index}.error.json')
