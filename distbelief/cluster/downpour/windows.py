"""Windows under way: closures that the coordinator runs on any free worker."""

from __future__ import annotations

import concurrent.futures
import queue
import time

import tensorflow as tf

from distbelief.cluster.downpour.window import WindowResult

_CAUSE_SECONDS = 5.0  # For the failed window to end after those cancelled because of it.


class Windows:
  """Schedules windows and returns their results as they end, in any order.

  `ClusterCoordinator` does not report that a closure has ended, so one thread waits for
  each.
  """

  def __init__(
    self,
    coordinator: tf.distribute.coordinator.ClusterCoordinator,
    window: tf.types.experimental.GenericFunction,
    most: int,
  ) -> None:
    """Starts without any window.

    Args:
      coordinator: Coordinator of the cluster.
      window: Function of one window; returns a WindowResult.
      most: Largest number of windows under way at a time.
    """
    self._coordinator, self._window, self._most = coordinator, window, most
    self._threads = concurrent.futures.ThreadPoolExecutor(most, 'window')
    self._ended: queue.SimpleQueue[concurrent.futures.Future] = queue.SimpleQueue()
    self.under_way = 0

  def start(self, count: int) -> None:
    """Schedules `count` more windows, or as many as may be under way."""
    for _ in range(min(count, self._most - self.under_way)):
      self.under_way += 1
      self._threads.submit(self._run).add_done_callback(self._ended.put)

  def next(self, timeout: float) -> WindowResult | None:
    """Returns the result of a window that has ended, or None after `timeout` seconds.

    Raises:
      tf.errors.OpError: If windows cannot run any more, e.g. a ps task has died.
    """
    try:
      ended = self._ended.get(timeout=timeout)
    except queue.Empty:
      return None
    self.under_way -= 1
    try:
      return ended.result()
    except tf.errors.OpError as error:
      if not _follows(error):
        raise
      raise self._cause(error) from None

  def _cause(self, following: tf.errors.OpError) -> BaseException:
    """Returns the error for which a window was cancelled.

    The coordinator cancels all windows when one has failed, and any may end first.
    """
    deadline = time.monotonic() + _CAUSE_SECONDS
    while self.under_way and (left := deadline - time.monotonic()) > 0:
      try:
        error = self._ended.get(timeout=left).exception()
      except queue.Empty:
        break
      self.under_way -= 1
      if error is not None and not _follows(error):
        return error
    return following

  def _run(self) -> WindowResult | None:
    window = self._coordinator.schedule(self._window)
    try:
      return window.fetch()
    except (tf.errors.UnavailableError, tf.errors.AbortedError):
      # The worker died after its window, and may be back already (then it is ABORTED: it
      # is another incarnation): its gradients are with the shards. If it is not just one
      # worker, the coordinator reports so at the next window.
      return None

  def close(self) -> None:
    """Stops waiting for windows."""
    self._threads.shutdown(wait=False, cancel_futures=True)


def _follows(error: BaseException) -> bool:
  """Returns whether an error is a consequence of another window's."""
  return isinstance(error, tf.errors.CancelledError) or (
    isinstance(error, tf.errors.InvalidArgumentError)
    and 'Unable to find the relevant tensor remote_handle' in error.message
  )
