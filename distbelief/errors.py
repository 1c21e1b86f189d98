"""Errors that a user can act on, in one line each, and exit statuses (contract 7)."""

from __future__ import annotations

import os
import re
import signal
import sysconfig
import traceback

DONE = 0
FAILED = 1  # Final: the same command would fail again.
BAD_INPUT = 2  # Final: a field, a flag, a file or the workdir must change first.
INTERRUPTED = 130  # Ctrl-C.
LOST_PEER = 134  # A task or a machine went away; the same command resumes.
TERMINATED = 143  # SIGTERM, after a checkpoint; the same command resumes.

# Signal to a launcher whose caller is gone: to stop, unless it is stopping already.
CALLER_IS_GONE = signal.SIGUSR1

# Lines that precede the reason: Keras' preface, and TensorFlow's for a graph, with the
# lines of Python that created the operation.
_PREFACE = re.compile(
  r'Exception encountered when calling|Graph execution error:|Detected at node |'
  r'File ".*", line \d+, in |<stack traces unavailable>|\[\[{{node '
)
_NODE = re.compile(r'{{function_node [^}]*}}\s*')  # And the function's own name.

_MOST_LETTERS = 400  # Of a reason; some have pages.

# Files whose lines are not the user's.
_NOT_OWN = (
  os.path.dirname(os.path.abspath(__file__)),
  os.path.dirname(os.__file__),
  sysconfig.get_paths()['purelib'],
  '<',
)


class UserError(Exception):
  """An error whose message is one line with the field, its value and the remedy."""

  status = BAD_INPUT


class FailedRunError(UserError):
  """A run that another command needs has failed."""

  status = FAILED


class LostPeerError(UserError):
  """A task or a machine that the run needs is gone, or has not appeared."""

  status = LOST_PEER


class ConfigError(UserError):
  """An invalid field of the config."""

  def __init__(self, field: str, value: object, remedy: str) -> None:
    """Formats the line.

    Args:
      field: Name of the field as the user writes it, e.g. 'config.downpour.n_fetch'.
      value: Value of the field; None: there is none to show.
      remedy: Condition that it must meet, e.g. 'must be at least 1; the paper uses 1'.
    """
    shown = '' if value is None else f' ({value!r})'
    super().__init__(f'{field}{shown} {remedy}')
    self.field, self.remedy = field, remedy


def one_line(error: BaseException) -> str:
  """Returns an error's type and message, and the user's line that raised it."""
  told = first_line(error)
  return type(error).__name__ + (f': {told}' if told else '') + _place(error)


def first_line(error: BaseException) -> str:
  """Returns the first sentence of the reason, in one line; empty if there is no text.

  A sentence ends with its mark, or where its paragraph does.
  """
  text = re.sub(r'\x1b\[[0-9;]*m', '', str(error))  # Keras prints bold.
  # What Keras cannot load it shows first, with all its config; why comes last.
  text = text.rpartition('Exception encountered: ')[2]
  lines = [_NODE.sub('', line).strip() for line in text.splitlines()]
  sentence: list[str] = []
  for line in lines:
    is_reason = bool(line) and not _PREFACE.match(line)
    if sentence and (not is_reason or sentence[-1].endswith(('.', ':', '!', '?'))):
      break
    if is_reason:
      sentence.append(line)
  joined = ' '.join(sentence)
  return joined if len(joined) <= _MOST_LETTERS else f'{joined[:_MOST_LETTERS]} ...'


def without_path(error: BaseException) -> str:
  """Returns an error's text; for a file that is missing, no more than its name."""
  if isinstance(error, FileNotFoundError) and error.filename:
    return f'no {os.path.basename(error.filename)}'
  return str(error)


def _place(error: BaseException) -> str:
  """Returns ' (FILE:LINE)' of the user's line that raised, or nothing."""
  frames = traceback.extract_tb(error.__traceback__)
  own_frames = [f for f in frames if not f.filename.startswith(_NOT_OWN)]
  if not own_frames:
    return ''
  return f' ({os.path.basename(own_frames[-1].filename)}:{own_frames[-1].lineno})'
