"""What replicas do together; the ring itself is in test_synchronous.py."""

import errno
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.cluster.synchronous import collectives

_WAITING = """
import ctypes
from distbelief.cluster.synchronous import collectives
with collectives._bounded({seconds}):
  ctypes.PyDLL(None).usleep({microseconds})  # With Python's lock held.
print('in time')
"""


def test_alone_there_is_nothing_to_add():
  alone = collectives.Alone()
  tensor = tf.constant([1.0, np.nan])
  np.testing.assert_array_equal(alone.run(alone.sum, tensor), tensor)
  np.testing.assert_array_equal(alone.run(alone.gather, tensor), tensor[tf.newaxis])
  assert alone.description is None


@pytest.mark.parametrize(
  ('seconds', 'microseconds', 'status'), [(0.05, 900_000, -signal.SIGALRM), (30, 1, 0)]
)
def test_waiting_with_pythons_lock_held_is_bounded(seconds, microseconds, status):
  code = _WAITING.format(seconds=seconds, microseconds=microseconds)
  ended = subprocess.run([sys.executable, '-c', code], capture_output=True, timeout=60)
  assert ended.returncode == status


def test_only_a_port_that_is_taken_is_told_as_one():
  with socket.create_server(('127.0.0.1', 0)) as server:
    address = f'127.0.0.1:{server.getsockname()[1]}'
    with pytest.raises(errors.UserError, match=f'worker 0 cannot listen at {address}'):
      collectives.Ring([address], 0, 1.0, pytest.fail, lambda: None)

  def agree():
    raise OSError(errno.EIO, os.strerror(errno.EIO), '/shared/tasks')

  with pytest.raises(OSError, match='/shared/tasks'):
    collectives.Ring([address], 0, 1.0, pytest.fail, agree)
