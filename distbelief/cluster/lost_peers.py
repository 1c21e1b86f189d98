"""What TensorFlow raises when a task has gone, told from the errors of a user's code."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from distbelief import errors

# Nothing that reads files or computes raises these; which of them is a matter of timing.
_ALWAYS = (tf.errors.UnavailableError, tf.errors.AbortedError)

# What data or a model may raise as well (a file that is missing is a NotFoundError): here
# it takes TensorFlow's own words for a task that has gone or was started again.
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
  # Calls to or from another task end with these when a task goes down.
  tf.errors.CancelledError: '/job:(chief|worker|ps)/|RecvAsync is cancelled',
  tf.errors.DeadlineExceededError: 'GRPC error|grpc_status:4|Deadline Exceeded',
  # So that TensorFlow's own handling of a lost network does not set in.
  tf.errors.InternalError: 'originally returned UnavailableError',
}


def is_lost_peer(error: tf.errors.OpError) -> bool:
  """Returns whether an error means that another task has gone.

  Args:
    error: What TensorFlow raised in this task; an operation of another task may have
      raised it there, and then its text names that task as well.
  """
  if isinstance(error, _ALWAYS):
    return True
  text = re.sub(r'{{function_node [^}]*}}', '', error.message)  # It names this task.
  return any(
    isinstance(error, kind) and re.search(words, text) for kind, words in _TEXTS.items()
  )


@contextlib.contextmanager
def translated() -> Iterator[None]:
  """Turns what TensorFlow raises when a task has gone into an errors.LostPeerError."""
  try:
    yield
  except tf.errors.OpError as error:
    if not is_lost_peer(error):
      raise
    reason = errors.first_line(error)
    raise errors.LostPeerError(
      f'a task was lost ({type(error).__name__}: {reason}); the same command resumes'
    ) from error
