"""The pool of steps: a free replica takes the next ones; no replica has a quota."""

from __future__ import annotations

import tensorflow as tf

from distbelief.algorithms import downpour
from distbelief.cluster.downpour import remote

_DEVICE = '/job:ps/replica:0/task:0/device:CPU:0'


class StepPool:
  """Grants steps to windows; lives on the first ps task, under a lock of its own.

  The steps left are limit - sum(granted). When a new incarnation of a replica joins, its
  grant is reset to the steps that the shards have counted, so that the steps of a window
  that died return to the pool. During the warm start, replica 0 alone gets steps.

  Attributes:
    take: (replica, most) -> int64, steps granted to a window; 0: none are left.
    reset_grant: (replica, counted) -> counted. Sets the replica's grant.
    open: (limit, alone) -> ignored. Lets `limit` steps be granted in all, to replica 0
      only if `alone` is 1.
    look: () -> (steps not granted, granted [clients], steps returned so far), int64.
    restore: (granted [clients]) -> ignored. Empties the pool.
  """

  def __init__(self, num_replicas: int, num_clients: int, prefix: str = '') -> None:
    """Describes the pool; `restore` creates it.

    Args:
      num_replicas: Number of replicas that ask for steps.
      num_clients: Number of rows of grants: as many, or more if the run once had more.
      prefix: Prefix of the names of its state.
    """
    self._num_replicas, self._num_clients = num_replicas, num_clients
    self._granted = remote.RemoteVariable(
      f'{prefix}pool/granted', [num_clients], tf.int64
    )
    self._terms = remote.RemoteVariable(
      f'{prefix}pool/terms', [2], tf.int64
    )  # Limit, alone.
    self._returned = remote.RemoteVariable(f'{prefix}pool/returned', [], tf.int64)
    self._mutex = remote.RemoteMutex(f'{prefix}pool/mutex')
    number = tf.TensorSpec([], tf.int64)
    granted = tf.TensorSpec([num_clients], tf.int64)
    nothing = tf.TensorSpec([], tf.int32)
    self.take = remote.RemoteFunction(_DEVICE, self._take, [number, number])
    self.reset_grant = remote.RemoteFunction(_DEVICE, self._reset_grant, [number, number])
    self.open = remote.RemoteFunction(_DEVICE, self._open, [number, number])
    self.look = remote.RemoteFunction(_DEVICE, self._look, [nothing])
    self.restore = remote.RemoteFunction(_DEVICE, self._restore, [granted])

  def _look(self, unused: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    def locked() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
      granted, limit = self._granted.read(), self._terms.read()[0]
      left = tf.maximum(limit - tf.reduce_sum(granted), 0)
      return left, granted, self._returned.read()

    return self._mutex.run(locked)

  def _take(self, replica: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    """Grants a window its steps (downpour.window_steps).

    In the warm start one window takes all steps.
    """

    def locked() -> tf.Tensor:
      granted, terms = self._granted.read(), self._terms.read()  # Read each once.
      left = tf.maximum(terms[0] - tf.reduce_sum(granted), 0)
      alone = tf.equal(terms[1], 1)
      fair = downpour.window_steps(left, self._num_replicas)
      taken = tf.where(alone, left, tf.minimum(fair, most))
      taken = tf.where(alone & (replica > 0), tf.zeros_like(taken), taken)
      granted += taken * tf.one_hot(replica, self._num_clients, dtype=tf.int64)
      with tf.control_dependencies([self._granted.assign(granted)]):
        return tf.identity(taken)

    return self._mutex.run(locked)

  def _reset_grant(self, replica: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    def locked() -> tf.Tensor:
      granted = self._granted.read()
      returned = self._returned.read() + granted[replica] - counted
      reset = tf.tensor_scatter_nd_update(granted, [[replica]], [counted])
      writes = [self._granted.assign(reset), self._returned.assign(returned)]
      with tf.control_dependencies(writes):
        return tf.identity(counted)

    return self._mutex.run(locked)

  def _open(self, limit: tf.Tensor, alone: tf.Tensor) -> tf.Tensor:
    def locked() -> tf.Tensor:
      with tf.control_dependencies([self._terms.assign(tf.stack([limit, alone]))]):
        return tf.identity(limit)

    return self._mutex.run(locked)

  def _restore(self, granted: tf.Tensor) -> tf.Tensor:
    def locked() -> tf.Tensor:
      writes = [
        self._terms.assign(tf.zeros([2], tf.int64)),
        self._returned.assign(tf.zeros([], tf.int64)),
        self._granted.assign(granted),
      ]
      with tf.control_dependencies(writes):
        return tf.identity(granted)

    return self._mutex.run(locked)
