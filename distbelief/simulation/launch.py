"""One launch of a run under the virtual clock, in this process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import ml_collections

from distbelief import config as config_lib
from distbelief import errors
from distbelief.rundir import task_failures
from distbelief.rundir.context import RunContext
from distbelief.telemetry import display as display_lib
from distbelief.telemetry import numerics, provenance

_TASK = ('simulator', 0)  # Job and index in the names of its files in logs/.

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # Parameters of mallopt(3).


def launch(
  config: ml_collections.ConfigDict,
  workdir: str,
  invocation: provenance.Invocation,
  stream: TextIO | None = None,
) -> int:
  """Runs the config in simulated time; returns an exit status (errors.py).

  Args:
    config: Config of the run, already checked.
    workdir: Directory of the run.
    invocation: Command and start time of the run, for its summary.
    stream: Stream for progress and messages; standard error by default.
  """
  os.environ['KERAS_BACKEND'] = 'tensorflow'
  _keep_buffers()
  logs = os.path.join(workdir, 'logs')
  os.makedirs(logs, exist_ok=True)
  task_failures.forget(logs)
  with (
    os.fdopen(os.dup(2), 'w') as screen,
    contextlib.closing(display_lib.Display(stream or screen)) as display,
  ):
    try:
      with _errors_in(task_failures.log_path(logs, *_TASK)):
        return _train(RunContext(config, Path(workdir), display, invocation))
    except Exception as error:
      display.close()  # What follows is the last on the screen.
      failure = task_failures.TaskFailure.from_exception(*_TASK, error)
      failure.write(logs)
      display.message(failure.describe(logs))
      return failure.exit_status


@contextlib.contextmanager
def _errors_in(path: str) -> Iterator[None]:
  """Redirects standard error, above all TensorFlow's messages, to a log."""
  screen = os.dup(2)
  with open(path, 'wb') as log:
    sys.stderr.flush()
    os.dup2(log.fileno(), 2)
  try:
    yield
  except Exception:
    traceback.print_exc()
    raise
  finally:
    sys.stderr.flush()
    os.dup2(screen, 2)
    os.close(screen)


def _train(context: RunContext) -> int:
  import tensorflow as tf

  from distbelief.problem import preflight

  tf.get_logger().setLevel('ERROR')  # It would log how it vectorizes.
  config, display = context.config, context.display
  train = config_lib.algorithm(config).trainer('virtual')
  if train.computes_apart:
    _spread_gradients(config_lib.num_replicas(config))
  stopped_by: list[int] = []
  kinds = (signal.SIGINT, signal.SIGTERM, errors.CALLER_IS_GONE)
  before = {kind: signal.getsignal(kind) for kind in kinds}
  for kind in kinds:
    signal.signal(kind, lambda number, frame: stopped_by.append(number))
  try:
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    gpu = bool(tf.config.list_physical_devices('GPU'))
    numerics.announce(context.workdir, *_TASK, threads, gpu)
    display.preparing('trying the model and the data')
    source = preflight.run(config, display.message)
    display.preparing('tracing a training step')
    trainer = train(context, source)
    if trainer.train(lambda: bool(stopped_by)):
      return errors.DONE
    if trainer.save():
      display.message(f'checkpoint written at step {trainer.done}')
    name = signal.Signals(stopped_by[0]).name
    display.message(f'stopped by {name}; the same command resumes the run')
    return 128 + stopped_by[0]
  finally:
    for kind, handler in before.items():
      signal.signal(kind, handler)


def _spread_gradients(num_replicas: int) -> None:
  """Limits each gradient to one thread, if there are many more than processors.

  Several threads for one matrix product cost a sixth of the time in synchronisation.
  """
  import tensorflow as tf

  processors = len(os.sched_getaffinity(0))  # Those that this process may use.
  if num_replicas < 4 * processors:
    return
  with contextlib.suppress(RuntimeError):  # TensorFlow has started in this process.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(processors)


def _keep_buffers() -> None:
  """Keeps malloc from giving buffers of parameters back to the system at every step."""
  with contextlib.suppress(OSError, AttributeError):
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, 2**25)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**30)
