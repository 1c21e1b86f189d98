"""TensorFlow's server of a worker or ps task, and the port that it listens at."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from distbelief import errors

_POLL_SECONDS = 1.0  # Between two looks at whether the run has ended.


def serve(
  job: str,
  index: int,
  tf_config: Mapping[str, Any],
  ended: Callable[[], bool] = lambda: False,
  threads: int = 0,
) -> None:
  """Runs the server of a worker or ps task until the run has ended.

  TensorFlow's own `Server.join` never returns.

  Args:
    job: 'worker' or 'ps'.
    index: Index of the task.
    tf_config: Value of TF_CONFIG, parsed.
    ended: Function that tells whether the run has ended, called every second; a task of
      a launcher may as well wait to be killed.
    threads: Threads for one operation; 0: as many as there are processors.
  """
  address = tf_config['cluster'][job][index]
  try:
    server = tf.distribute.Server(
      tf_config['cluster'],
      job_name=job,
      task_index=index,
      protocol='grpc',
      config=tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads,
        # A task that has one thread, as on a machine with one processor, answers nobody
        # while a window runs: evaluations would wait for the end of the run.
        inter_op_parallelism_threads=max(2, len(os.sched_getaffinity(0))),
      ),
    )
  except tf.errors.OpError as error:
    raise cannot_listen(job, index, address, error.message) from error
  while not ended():
    time.sleep(_POLL_SECONDS)
  del server  # It has lived until here.


def cannot_listen(job: str, index: int, address: str, reason: str) -> errors.UserError:
  """Returns what to say of a task whose server does not start."""
  return errors.UserError(
    f'{job} {index} cannot listen at {address}: is its port in use by another program? '
    f'({reason})'
  )


def refuse_taken_port(job: str, index: int, address: str) -> None:
  """Raises errors.UserError if this task could not listen at its port."""
  try:
    socket.create_server(('', int(address.rpartition(':')[2]))).close()
  except OSError as error:
    raise cannot_listen(job, index, address, error.strerror or str(error)) from error
