"""A cluster of servers inside the test's own process; starts in under a second."""

import itertools
import socket

import numpy as np
import tensorflow as tf
from tensorflow.python.distribute.coordinator import coordinator_context
from tensorflow.python.framework import ops

from distbelief import config as config_lib
from distbelief.algorithms import server, sharding
from distbelief.cluster.downpour import parameter_server, shard_checkpoint, window
from distbelief.models import objective
from distbelief.rundir import checkpoints
from distbelief.telemetry import steps as steps_lib
from tests import made

_names = itertools.count()


def _free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for one in sockets:
    one.bind(('127.0.0.1', 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def connect(num_workers, num_ps):
  """Returns (strategy, coordinator) of servers in this process; once a process."""
  ports = _free_ports(num_workers + num_ps + 1)
  hosts = [f'127.0.0.1:{port}' for port in ports]
  cluster = {
    'worker': hosts[:num_workers],
    'ps': hosts[num_workers:-1],
    'chief': hosts[-1:],
  }
  spec = tf.train.ClusterSpec(cluster)
  # All servers of a process share one pool of threads, and the first call of a remote
  # function holds one while the other task answers: too few would wait for each other.
  options = tf.compat.v1.ConfigProto(
    inter_op_parallelism_threads=32, intra_op_parallelism_threads=1
  )
  for job in ('worker', 'ps'):
    for index in range(len(cluster[job])):
      tf.distribute.Server(spec, job_name=job, task_index=index, config=options)
  resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
    spec, rpc_layer='grpc', task_type='chief', task_id=0
  )
  strategy = tf.distribute.ParameterServerStrategy(resolver)
  return strategy, tf.distribute.coordinator.ClusterCoordinator(strategy)


def worker_index():
  """The replica's index where all workers share one process, and so one name.

  Where the chief itself runs a window, it is replica 0.
  """

  def index():
    context = coordinator_context.get_current_dispatch_context()
    return tf.constant(context.worker_index if context else 0, tf.int64)

  return ops.get_default_graph().capture_call_time_value(
    index, tf.TensorSpec([], tf.int64)
  )


class RandomData:
  """Minibatch (replica, step) of random numbers."""

  num_classes = 3

  def minibatch_spec(self, batch_size):
    return tf.TensorSpec([batch_size, 4]), tf.TensorSpec([batch_size], tf.int32)

  def __init__(self, poisoned_step=-1):
    self._poisoned_step = poisoned_step  # Its inputs are NaN.

  def minibatches(self, replica, num_replicas, start, batch_size, warmstart_steps):
    def minibatch(step):
      seed = tf.stack([tf.cast(replica, tf.int64), step])
      inputs = tf.random.stateless_normal([batch_size, 4], seed)
      inputs = tf.where(step == self._poisoned_step, np.nan, inputs)
      labels = tf.random.stateless_uniform([batch_size], seed, 0, 3, tf.int32)
      return inputs, labels

    return tf.data.Dataset.range(start, tf.int64.max).map(minibatch)


class Cluster:
  """Everything of a run but the chief's loop; any number side by side."""

  def __init__(
    self,
    strategy,
    config,
    num_replicas,
    num_shards,
    hidden=(5,),
    rule=None,
    source=None,
    model=None,
  ):
    prefix = f'test_{next(_names)}/'
    self.config = config
    self.source = source or RandomData()
    model = model or made.classifier((4,), hidden, self.source.num_classes, seed=7)
    self.objective = objective.Objective(model, self.source.minibatch_spec(None))
    self.sharding = sharding.Sharding(self.objective.shapes, num_shards)
    rule = rule or server.ServerRule.from_config(config)
    start = checkpoints.first(self.objective.weights, rule.rule, num_shards, num_replicas)
    nobody = np.full([num_replicas], -1)
    self._states = shard_checkpoint.to_states(start, self.sharding.sizes, nobody)
    self.server = parameter_server.ParameterServer(
      self.sharding,
      self.objective.statistics_shapes,
      rule,
      num_replicas,
      self._states,
      config.telemetry.records,
      prefix=prefix,
    )
    self.replica = window.Replica(
      config,
      num_replicas,
      strategy,
      self.objective,
      self.source,
      self.server,
      identity=worker_index,
      prefix=prefix,
    )

  def start_over(self):
    """Makes the server and the chief's own replica as they were."""
    for shard, state in zip(self.server.shards, self._states):
      shard.restore(*tf.nest.flatten(state))
    self.server.pool.restore(tf.constant(self._states[0].clients[:, steps_lib.COUNTED]))
    self.forget()

  def forget(self):
    """Leaves the chief's own replica as a window does that dies."""
    self.replica._variables.incarnation.assign(tf.constant(-1, tf.int64))

  def grant(self, limit, alone=True):
    """Lets `limit` steps be done in all; alone: by replica 0, in one window."""
    self.server.pool.open(tf.constant(limit, tf.int64), tf.constant(int(alone), tf.int64))

  def parameters(self):
    return np.concatenate([p.numpy().ravel() for p in self.server.weights().params])

  def minibatch(self, replica, step):
    dataset = self.source.minibatches(replica, 1, step, self.config.data.batch_size, 0)
    return next(dataset.as_numpy_iterator())


def small_config(**changes):
  config = config_lib.default_config()
  config.data.batch_size = 8
  config.update_from_flattened_dict(changes)
  return config
