"""Windows whose worker is gone when their results are to be read."""

import pytest
import tensorflow as tf

from distbelief.cluster.downpour.windows import Windows


class Coordinator:
  """All windows end with one error when they are read."""

  def __init__(self, error):
    self.error = error

  def schedule(self, unused_window):
    return self

  def fetch(self):
    raise self.error


def ended(error):
  windows = Windows(Coordinator(error), None, 2)
  windows.start(1)
  try:
    return windows.next(timeout=10), windows.under_way
  finally:
    windows.close()


@pytest.mark.parametrize(
  'kind', [tf.errors.UnavailableError, tf.errors.AbortedError], ids=lambda k: k.__name__
)
def test_a_window_is_over_though_its_worker_died_or_came_back_meanwhile(kind):
  message = 'RecvTensor expects a different device incarnation'
  assert ended(kind(None, None, message)) == (None, 0)


def test_any_other_error_is_told():
  with pytest.raises(tf.errors.InternalError):
    ended(tf.errors.InternalError(None, None, 'something else'))
