"""Distinguishes TensorFlow's errors for lost tasks from the errors of a user's code."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from distbelief import errors

# Neither reading files nor computing raises these; which of them is a matter of timing.
_ALWAYS = (tf.errors.UnavailableError, tf.errors.AbortedError)

# Data or a model may raise these as well (a missing file is a NotFoundError): they count
# only with TensorFlow's own words for a task that is gone or was restarted.
_TEXTS: dict[type[tf.errors.OpError], str] = {
  tf.errors.NotFoundError: (
    'is neither a type of a primitive operation nor a name of a function registered'
    r'|does not exist\. \(Could not find resource: '
    '|This normally means the server has restarted'
  ),
  tf.errors.FailedPreconditionError: (
    'incarnation|was probably restarted|has restarted|just restarted'
    r'|does not exist\. \(Could not find resource: '
  ),
  # Calls to or from another task fail with these when a task ends.
  tf.errors.CancelledError: '/job:(chief|worker|ps)/|RecvAsync is cancelled',
  tf.errors.DeadlineExceededError: 'GRPC error|grpc_status:4|Deadline Exceeded',
  # Without it TensorFlow's own handling of a lost network would set in.
  tf.errors.InternalError: 'originally returned UnavailableError',
}


def is_lost_peer(error: tf.errors.OpError) -> bool:
  """Returns whether an error means that another task is gone.

  Args:
    error: Error that TensorFlow raised in this task; an operation of another task may
      have raised it there, and then its text names that task as well.
  """
  if isinstance(error, _ALWAYS):
    return True
  text = re.sub(r'{{function_node [^}]*}}', '', error.message)  # It names this task.
  return any(
    isinstance(error, kind) and re.search(words, text) for kind, words in _TEXTS.items()
  )


@contextlib.contextmanager
def translated() -> Iterator[None]:
  """Turns TensorFlow's errors for a lost task into an errors.LostPeerError."""
  try:
    yield
  except tf.errors.OpError as error:
    if not is_lost_peer(error):
      raise
    reason = errors.first_line(error)
    raise errors.LostPeerError(
      f'a task was lost ({type(error).__name__}: {reason}); the same command resumes'
    ) from error
