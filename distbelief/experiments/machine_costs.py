"""Costs of this machine: speed, its spread, and what a message between tasks takes."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from distbelief.experiments.figure3 import BATCH_SIZE, SPEECH, Costs, FullyConnected

_SIZES = (4, 40_000, 400_000, 4_000_000, 16_000_000)  # Bytes of a message.
_STEPS, _MESSAGES = 20, 30


def measure(widths: tuple[int, ...] = SPEECH.widths) -> tuple[Costs, dict[str, Any]]:
  """Returns the costs, and the measurements that they come from.

  Args:
    widths: Widths of the fully connected network whose minibatch is timed.
  """
  step_seconds = _steps(widths)
  sizes, message_seconds = _messages()
  fixed = message_seconds[0]
  slope = (message_seconds[-1] - fixed) / (sizes[-1] - sizes[0])
  parameters = FullyConnected(widths).parameters
  mean = float(np.mean(step_seconds))
  costs = Costs(
    6 * parameters * BATCH_SIZE / mean,
    1 / slope,
    fixed,
    float(np.std(step_seconds)) / mean,
  )
  found = {
    'step_seconds': step_seconds,
    'message_bytes': sizes,
    'message_seconds': message_seconds,
  }
  return costs, found


def _timed(call: Callable[[], Any], number: int) -> list[float]:
  call()
  found = []
  for _ in range(number):
    begun = time.perf_counter()
    call()
    found.append(time.perf_counter() - begun)
  return found


def _steps(widths: tuple[int, ...]) -> list[float]:
  """Returns the times of gradients of the whole network, on all cores."""
  random = tf.random.Generator.from_seed(0)
  weights = [
    tf.Variable(random.normal((below, above), stddev=below**-0.5))
    for below, above in itertools.pairwise(widths)
  ]
  inputs = random.normal((BATCH_SIZE, widths[0]))
  labels = random.uniform((BATCH_SIZE,), 0, widths[-1], tf.int64)

  @tf.function
  def gradients() -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
      x = inputs
      for weight in weights[:-1]:
        x = tf.sigmoid(x @ weight)
      loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x @ weights[-1])
    return tape.gradient(loss, weights)

  return _timed(lambda: [g.numpy() for g in gradients()[-1:]], _STEPS)


def _messages() -> tuple[list[int], list[float]]:
  """Returns sizes in bytes, and the median times of such messages of another process.

  What is timed is the way there and back, with a request of a few bytes: an empty message
  takes half of that.
  """
  with multiprocessing.connection.Listener(('127.0.0.1', 0)) as listener:
    context = multiprocessing.get_context('spawn')
    other = context.Process(target=_answer, args=(listener.address,), daemon=True)
    other.start()
    with listener.accept() as connection:
      seconds = []
      for size in _SIZES:

        def ask(size: int = size) -> None:
          connection.send(size)
          connection.recv_bytes()

        seconds.append(float(np.median(_timed(ask, _MESSAGES))))
      request = seconds[0] / 2  # The first size is next to nothing.
      seconds = [both - request for both in seconds]
      connection.send(0)
    other.join()
  return list(_SIZES), seconds


def _answer(address: tuple[str, int]) -> None:
  """Sends as many bytes as it is asked for, until that is none."""
  with multiprocessing.connection.Client(address) as connection:
    while size := connection.recv():
      connection.send_bytes(bytes(size))
