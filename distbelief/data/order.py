"""Which examples a step of a replica sees: a function of seed, replica and step alone.

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
    owner: [N] int64, index of each row's utterance, or of the row itself; of the whole
      training set, or of this subset.
    replica: Scalar int64, in [0, num_replicas).
    num_replicas: Scalar int64.
  """
  return tf.where(owner % num_replicas == replica)[:, 0]


def minibatch(
  rows: tf.Tensor, seed: int, stream: int | tf.Tensor, step: tf.Tensor, batch_size: int
) -> tf.Tensor:
  """Returns the rows [B] of one step, with nothing computed for the steps before.

  Each epoch is another permutation of the rows, cut into whole minibatches; the rows
  left over are not seen in this epoch.

  Args:
    rows: [N] int64, what the stream draws from; N is at least B.
    seed: Of all orders.
    stream: Scalar int, the stream's name.
    step: Scalar int64.
    batch_size: B.
  """
  size = tf.size(rows, tf.int64)
  steps_per_epoch = size // batch_size
  epoch, position = step // steps_per_epoch, step % steps_per_epoch
  places = position * batch_size + tf.range(batch_size, dtype=tf.int64)
  permutation = tf.random.experimental.stateless_fold_in(
    tf.stack([tf.cast(seed, tf.int64), tf.cast(stream, tf.int64)]), epoch
  )
  shuffled = tf.random.experimental.index_shuffle(places, permutation, size - 1)
  return tf.gather(rows, shuffled)
