"""The parameter server: shards that apply pushes whole, once, and in their own order.

This file defines who may push, what is counted and logged, and under which lock;
update.py defines what a push does to the parameters.

A shard is a slice of the parameters with its rule's slots, its version, a table of the
clients that push to it, and a log of what it applied. One mutex per shard covers the
update and nothing else: a gradient is on the shard's task before the lock is asked for,
and fetches take no lock. Value and version are one vector (versions.py); statistics of
the model (algorithms/statistics.py) are a part of the first shard's.

Dimensions: P parameters of a shard, S statistics, 0 on all but the first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from distbelief.algorithms.server import ServerRule
from distbelief.algorithms.sharding import Sharding
from distbelief.cluster.downpour import remote
from distbelief.cluster.downpour.update import PushHeader, Update
from distbelief.cluster.downpour.versions import TAIL, version_of
from distbelief.telemetry import steps
from distbelief.telemetry.sketch import Sketch
from distbelief.telemetry.steps import COUNTED, INCARNATION, NEXT_STEP, SEQUENCE

_INT = tf.TensorSpec([], tf.int64)


class ShardState(NamedTuple):
  """The whole state of a shard between two pushes, as checkpoints keep it."""

  vector: tf.Tensor  # [P + S + TAIL] float32: parameters, statistics, version.
  slots: tuple[tf.Tensor, ...]  # The rule's, each as long; only P of it is used.
  clients: tf.Tensor  # [replicas, 4] int64, see the column constants.
  released: tf.Tensor  # int64, 1 once a push came after the warm start.


class ShardStatus(NamedTuple):
  """The answer to a poll by the chief."""

  log: tf.Tensor  # [., LOG_COLUMNS + row_width] float64, since the last poll.
  version: tf.Tensor  # int64.
  clients: tf.Tensor  # [replicas, 4] int64.


class Shard:
  """One slice of the parameters with its slots, version, clients and log, on one task.

  Attributes:
    size: Number of its parameters, P.
    push: (vector [P + S + TAIL] float32, kept part of statistics [S] float32, header [6]
      int64, rows [gradients, row_width] float64) -> int64, 1 if the sender is the
      replica's newest incarnation. The vector has the gradient, the addition to
      statistics, and zeros. Applied unless it is a repeat or its sender has been
      replaced.
    skip: (header, rows) -> the same. Counts the steps of a push that is not sent, because
      its gradient is not finite.
    fetch: (start) -> vector [P + S + TAIL], without a lock; `start` is any float64
      scalar on which the caller wants the request to wait.
    register: (replica, incarnation) -> the replica's row of clients, [4] int64. From now
      on only this incarnation's pushes are applied; -1 takes the shard's next number.
    snapshot: () -> ShardState.
    restore: ShardState, flat -> ignored.
    poll: () -> ShardStatus. Empties the log.
    sketch: (start) -> contribution of its parameters to the sketch of all, [DIMENSION].
  """

  def __init__(
    self,
    index: int,
    size: int,
    num_statistics: int,
    server_rule: ServerRule,
    num_replicas: int,
    num_clients: int,
    row_width: int,
    sketch: Callable[[tf.Tensor], tf.Tensor],
    prefix: str = '',
  ) -> None:
    """Describes a shard; `restore` initialises it.

    Args:
      index: Index of the shard, and of its ps task.
      size: Number of its parameters.
      num_statistics: Number of statistics, S.
      server_rule: Rule that applies a push.
      num_replicas: Number of replicas that push.
      num_clients: Number of rows of the table: as many, or more if the run once had more.
      row_width: Length of a step's row; 0: nothing is logged.
      sketch: Sketch of its parameters, see telemetry/sketch.py.
      prefix: Prefix of the names of its state on its task.
    """
    self.size = size
    name = f'{prefix}shard_{index}'
    vector = ([size + num_statistics + TAIL], tf.float32)
    self._vector = remote.RemoteVariable(f'{name}/parameters', *vector)
    self._slots = [
      remote.RemoteVariable(f'{name}/{slot}', *vector) for slot in server_rule.rule.slots
    ]
    clients = ([num_clients, len(steps.NO_CLIENT)], tf.int64)
    self._clients = remote.RemoteVariable(f'{name}/clients', *clients)
    self._released = remote.RemoteVariable(f'{name}/released', [], tf.int64)
    self._update = Update(
      server_rule, index, num_replicas, size, self._vector, self._slots, self._released
    )
    self._mutex = remote.RemoteMutex(f'{name}/mutex')
    # Unbounded: a full log must not hold up a push. The chief empties it.
    self._log = remote.RemoteLog(f'{name}/log', len(steps.LOG_COLUMNS) + row_width)

    device = f'/job:ps/replica:0/task:{index}/device:CPU:0'
    header = tf.TensorSpec([len(PushHeader._fields)], tf.int64)
    rows = tf.TensorSpec([None, row_width], tf.float64)
    whole, kept = tf.TensorSpec(*vector), tf.TensorSpec([num_statistics])
    state = [whole, *(whole for _ in self._slots), tf.TensorSpec(*clients), _INT]

    def on_task(function: Callable, *signature: tf.TensorSpec) -> remote.RemoteFunction:
      return remote.RemoteFunction(device, function, signature)

    nothing = tf.TensorSpec([], tf.int32)
    self.push = on_task(self._push, whole, kept, header, rows)
    self.skip = on_task(self._skip, header, rows)
    self.fetch = on_task(self._fetch, tf.TensorSpec([], tf.float64))
    self.register = on_task(self._register, _INT, _INT)
    self.snapshot = on_task(self._snapshot, nothing)
    self.restore = on_task(self._restore, *state)
    self.poll = on_task(self._poll, nothing)
    self.sketch = on_task(
      lambda start: sketch(self._fetch(start)[:size]), tf.TensorSpec([], tf.float64)
    )

  def _push(
    self, pushed: tf.Tensor, kept: tf.Tensor, header: tf.Tensor, rows: tf.Tensor
  ) -> tf.Tensor:
    head = PushHeader(*tf.unstack(header))
    return self._receive(
      head, rows, lambda *found: self._update.apply(pushed, kept, head, *found)
    )

  def _skip(self, header: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    return self._receive(PushHeader(*tf.unstack(header)), rows, None)

  def _receive(
    self,
    head: PushHeader,
    rows: tf.Tensor,
    update: Callable[[tf.Tensor, tf.Tensor], tf.Operation] | None,
  ) -> tf.Tensor:
    def locked() -> tf.Tensor:
      taken = tf.timestamp()
      clients = self._clients.read()
      client = clients[head.replica]
      version = version_of(self._vector.read())
      current = tf.equal(client[INCARNATION], head.incarnation)

      def accept() -> tf.Tensor:
        if update:
          after, status = version + 1, steps.Status.APPLIED
          stale = head.staleness(version)
        else:
          after, status = version, steps.Status.DROPPED
          stale = steps.NOT_STALE
        counted = client[COUNTED] + tf.shape(rows, out_type=tf.int64)[0]
        row = tf.stack([head.incarnation, head.sequence, head.next_step, counted])
        with tf.control_dependencies([update(version, stale)] if update else []):
          logged = self._record(after, status, stale, rows, taken)
        # Log first: nothing must be counted without a record.
        with tf.control_dependencies([logged]):
          return _after([self._write_client(clients, head.replica, row)])

      def refuse() -> tf.Tensor:
        # A repeat was logged the first time; pushes of a replaced incarnation are lost.
        return tf.cond(
          current,
          lambda: tf.constant(True),
          lambda: _after(
            [self._record(version, steps.Status.LOST, steps.NOT_STALE, rows, taken)]
          ),
        )

      done = tf.cond(current & (head.sequence > client[SEQUENCE]), accept, refuse)
      with tf.control_dependencies([done]):
        return tf.cast(current, tf.int64)

    return self._mutex.run(locked)

  def _record(
    self,
    version: tf.Tensor,
    status: steps.Status,
    staleness: tf.Tensor | int,
    rows: tf.Tensor,
    taken: tf.Tensor,
  ) -> tf.Operation:
    """Logs the steps of a push, whose handling began at `taken`."""
    if not rows.shape[1]:  # Steps are not recorded.
      return tf.no_op()
    values = {
      'version_applied': version,
      'status': int(status),
      'staleness': staleness,
      'applied_at': taken,
      'update_end': tf.timestamp(),
    }
    marks = tf.stack([tf.cast(value, tf.float64) for value in steps.marks(values)])
    marks = tf.tile(marks[tf.newaxis], [tf.shape(rows)[0], 1])
    return self._log.append(tf.concat([marks, rows], axis=1))

  def _write_client(
    self, clients: tf.Tensor, replica: tf.Tensor, row: tf.Tensor
  ) -> tf.Operation:
    return self._clients.assign(tf.tensor_scatter_nd_update(clients, [[replica]], [row]))

  def _fetch(self, start: tf.Tensor) -> tf.Tensor:
    del start
    return self._vector.read()

  def _register(self, replica: tf.Tensor, incarnation: tf.Tensor) -> tf.Tensor:
    def locked() -> tf.Tensor:
      clients = self._clients.read()
      client = clients[replica]
      number = tf.where(incarnation < 0, client[INCARNATION] + 1, incarnation)
      none = tf.constant(-1, tf.int64)
      row = tf.stack([number, none, client[NEXT_STEP], client[COUNTED]])
      with tf.control_dependencies([self._write_client(clients, replica, row)]):
        return tf.identity(row)

    return self._mutex.run(locked)

  def _snapshot(self, unused: tf.Tensor) -> ShardState:
    return self._mutex.run(
      lambda: ShardState(
        self._vector.read(),
        tuple(slot.read() for slot in self._slots),
        self._clients.read(),
        self._released.read(),
      )
    )

  def _restore(self, *state: tf.Tensor) -> tf.Tensor:
    variables = (self._vector, *self._slots, self._clients, self._released)

    def locked() -> tf.Tensor:
      # The log of an earlier chief is on disk, or undone.
      with tf.control_dependencies([self._log.take_all()]):
        return _after([v.assign(value) for v, value in zip(variables, state)])

    return self._mutex.run(locked)

  def _poll(self, unused: tf.Tensor) -> ShardStatus:
    version, clients = version_of(self._vector.read()), self._clients.read()
    # In this order: every step counted in `clients` is then in this log or an older one.
    with tf.control_dependencies([version, clients]):
      return ShardStatus(self._log.take_all(), version, clients)


def _after(operations: Sequence[tf.Operation]) -> tf.Tensor:
  with tf.control_dependencies(operations):
    return tf.constant(True)


def create(
  sharding: Sharding,
  num_statistics: int,
  server_rule: ServerRule,
  num_replicas: int,
  num_clients: int,
  row_width: int,
  sketch: Sketch,
  prefix: str = '',
) -> list[Shard]:
  """Returns the shards of a cluster, one per ps task, not yet initialised."""
  return [
    Shard(
      index,
      size,
      0 if index else num_statistics,
      server_rule,
      num_replicas,
      num_clients,
      row_width,
      functools.partial(sketch.part, start=sum(sharding.sizes[:index])),
      prefix,
    )
    for index, size in enumerate(sharding.sizes)
  ]
