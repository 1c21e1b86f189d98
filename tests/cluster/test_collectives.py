"""What replicas do together; the ring itself is in test_synchronous.py."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from distbelief.cluster import collectives

_WAITING = """
import ctypes
from distbelief.cluster import collectives
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
