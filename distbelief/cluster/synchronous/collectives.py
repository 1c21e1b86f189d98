"""Collective operations of replicas without a parameter server: sum and gather."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from distbelief.cluster import rendezvous, serving

_OPTIONS = tf.distribute.experimental.CommunicationOptions(
  implementation=tf.distribute.experimental.CommunicationImplementation.RING
)

_LEAST_SECONDS = (
  60.0  # For workers that all answer to connect, however short the timeout.
)


class Alone:
  """One replica: there is nobody to wait for.

  Attributes:
    index: Index of this replica.
    num_replicas: Number of all replicas.
  """

  index = 0
  num_replicas = 1

  @property
  def description(self) -> dict[str, Any] | None:
    """How replicas communicate, for the summary; None: there is only one."""
    return None

  def run(self, function: Callable[..., Any], *args: Any) -> Any:
    """Calls `function`, in which `sum` and `gather` may be used."""
    return function(*args)

  def sum(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns the sum of all replicas' tensors, once the last one has arrived."""
    return tf.identity(tensor)

  def gather(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns all replicas' tensors, [replicas, ...]; each has the same shape."""
    return tensor[tf.newaxis]


class Ring(Alone):
  """The workers of a `MultiWorkerMirroredStrategy`, coupled by ring all-reduce."""

  def __init__(
    self,
    addresses: Sequence[str],
    index: int,
    start_timeout: float,
    log: Callable[[str], None],
    check_agreement: Callable[[], None],
  ) -> None:
    """Connects to the others; to be called before TensorFlow's runtime has started.

    Args:
      addresses: Address of every worker, host:port.
      index: Index of this worker.
      start_timeout: Seconds that the others may be late, config.cluster.start_timeout.
      log: Function that shows a line with the missing workers, every few seconds.
      check_agreement: Function that is called when all workers answer; raises if they
        differ.

    Raises:
      errors.LostPeerError: If some are missing then.
      errors.UserError: If this worker's port is taken.
    """
    self.index, self.num_replicas = index, len(addresses)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
      tf.train.ClusterSpec({'worker': list(addresses)}),
      rpc_layer='grpc',
      task_type='worker',
      task_id=index,
    )
    with contextlib.ExitStack() as stack:
      try:
        stack.enter_context(rendezvous.answering(addresses[index]))
      except OSError as error:
        raise serving.cannot_listen(
          'worker', index, addresses[index], error.strerror or str(error)
        ) from error
      rendezvous.wait_for_tasks({'worker': addresses}, start_timeout, log)
      check_agreement()
    most = max(start_timeout, _LEAST_SECONDS)
    print(f'all workers answer; connecting, for at most {most:g} s', flush=True)
    with _bounded(most), _kept_handlers():
      self._strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver, _OPTIONS)

  @property
  def description(self) -> dict[str, Any]:
    """The strategy and its communication options."""
    return {
      'strategy': 'MultiWorkerMirroredStrategy',
      'implementation': _OPTIONS.implementation.name,
      'bytes_per_pack': _OPTIONS.bytes_per_pack,
      'timeout_seconds': _OPTIONS.timeout_seconds,
    }

  def run(self, function: Callable[..., Any], *args: Any) -> Any:
    """Calls `function` as this worker's replica."""
    return self._strategy.run(function, args)

  def sum(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns the sum over the replicas, each of which must call this."""
    if tensor.shape.num_elements() == 0:  # TensorFlow would crash (2.21).
      return tf.identity(tensor)
    return _context().all_reduce(tf.distribute.ReduceOp.SUM, self._here(tensor))

  def gather(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns all replicas' tensors, [replicas, ...]; each must call this.

    One all-reduce; the strategy's own gather asks for the shapes first.
    """
    others = [[self.index, self.num_replicas - 1 - self.index]]
    same = [[0, 0] for _ in tensor.shape]
    return self.sum(tf.pad(tensor[tf.newaxis], others + same))

  def _here(self, tensor: tf.Tensor) -> tf.Tensor:
    # A loop's tensor has no device of its own, and the strategy asks for one.
    with tf.device(self._strategy.extended.worker_devices[0]):
      return tf.identity(tensor)


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
  """Makes the kernel end this process (SIGALRM) if the context takes longer.

  The strategy's constructor waits for workers that are gone meanwhile: silently, forever,
  and with Python's lock held, so that no thread and no handler could act.
  """
  signal.signal(signal.SIGALRM, signal.SIG_DFL)
  signal.setitimer(signal.ITIMER_REAL, seconds)
  try:
    yield
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def _kept_handlers() -> Iterator[None]:
  """Keeps this process' signal handlers; signals meanwhile are handled at the end.

  The strategy's constructor puts TensorFlow's own handler of SIGTERM in their place.
  """
  handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
  signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
  try:
    yield
  finally:
    for number, handler in handlers.items():
      signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers)


def _context() -> tf.distribute.ReplicaContext:
  return tf.distribute.get_replica_context()
