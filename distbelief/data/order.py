"""The examples of a replica's step: a function of seed, replica and step alone.

Dimensions: N examples to choose from, B of a minibatch.
"""

import tensorflow as tf

# Names of streams, each with permutations of its own.
WARM_START = 0


def of_replica(replica: int | tf.Tensor) -> int | tf.Tensor:
  """Returns the name of a replica's own stream."""
  return replica + 1


def subset(
  owner: tf.Tensor, replica: int | tf.Tensor, num_replicas: int | tf.Tensor
) -> tf.Tensor:
  """Returns the rows of a replica's own subset: owner mod num_replicas is replica.

  Args:
    owner: Index of each row's utterance, or of the row itself, [N] int64; of the whole
      training set, or of this subset.
    replica: Index of the replica in [0, num_replicas), scalar int64.
    num_replicas: Number of replicas, scalar int64.
  """
  return tf.where(owner % num_replicas == replica)[:, 0]


def minibatch(
  rows: tf.Tensor, seed: int, stream: int | tf.Tensor, step: tf.Tensor, batch_size: int
) -> tf.Tensor:
  """Returns the rows [B] of one step, without computing those of earlier steps.

  Each epoch is another permutation of the rows, cut into whole minibatches; the rows
  left over are not used in this epoch.

  Args:
    rows: Rows that the stream draws from, [N] int64; N is at least B.
    seed: Seed of all orders.
    stream: Name of the stream, scalar int.
    step: Step of the replica, scalar int64.
    batch_size: Number of rows in a minibatch, B.
  """
  steps_per_epoch = tf.size(rows, tf.int64) // batch_size
  number, position = step // steps_per_epoch, step % steps_per_epoch
  places = position * batch_size + tf.range(batch_size, dtype=tf.int64)
  return _shuffled(rows, seed, stream, number, places)


def epoch(
  rows: tf.Tensor, seed: int, stream: int | tf.Tensor, number: tf.Tensor, batch_size: int
) -> tf.Tensor:
  """Returns the rows of all minibatches of an epoch, [steps, B].

  Args:
    rows: Rows that the stream draws from, [N] int64; N is at least B.
    seed: Seed of all orders.
    stream: Name of the stream.
    number: Index of the epoch, scalar int64.
    batch_size: Number of rows in a minibatch, B.
  """
  steps = tf.size(rows, tf.int64) // batch_size
  places = tf.range(steps * batch_size)
  return tf.reshape(_shuffled(rows, seed, stream, number, places), [steps, batch_size])


def _shuffled(
  rows: tf.Tensor,
  seed: int,
  stream: int | tf.Tensor,
  number: tf.Tensor,
  places: tf.Tensor,
) -> tf.Tensor:
  """Returns the rows at some places of an epoch's permutation."""
  permutation = tf.random.experimental.stateless_fold_in(
    tf.stack([tf.cast(seed, tf.int64), tf.cast(stream, tf.int64)]), number
  )
  shuffled = tf.random.experimental.index_shuffle(
    places, permutation, tf.size(rows, tf.int64) - 1
  )
  return tf.gather(rows, shuffled)
