"""A data set of the user's own: function(split, seed) -> unbatched tf.data examples."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from distbelief import errors, user_code
from distbelief.data import examples, source, specs

_FIELD = 'config.data.name'
_MOST_IN_A_GRAPH = 2**22  # Bytes.
_CHUNK = 256  # Examples that are saved together.


class OwnData(examples.Examples):
  """The datasets that a function returns for 'train' and for 'holdout'.

  A process calls the function once for each split, for all readers; its TensorFlow
  operations run on the workers. It must return the same examples in the same order each
  time.
  """

  def __init__(
    self, name: str, seed: int, num_classes: int | None, shuffle_buffer: int = 0
  ) -> None:
    """Calls nothing yet.

    Args:
      name: Name of the function, 'module:function'.
      seed: Seed for the function, and for all orders.
      num_classes: Number of classes, if labels are class indices and the model needs it.
      shuffle_buffer: Size of the shuffle buffer, see the base class.
    """
    super().__init__(seed, shuffle_buffer)
    self.name, self.num_classes = name, num_classes
    self._kept: Path | None = None  # Where the training set is saved.
    # Each split's operations, or why there are none.
    self._traced: dict[str, _Traced | errors.ConfigError] = {}

  def dataset(self, split: str) -> tf.data.Dataset:
    """Returns all examples of a split.

    Raises:
      errors.ConfigError: If the function does not return them.
    """
    function = user_code.load_function(_FIELD, self.name)
    try:
      made = function(split, self.seed)
    except Exception as error:  # The function may raise anything.
      raise errors.ConfigError(
        _FIELD, self.name, f'failed for split {split!r}: {errors.one_line(error)}'
      ) from error
    if not isinstance(made, tf.data.Dataset):
      raise errors.ConfigError(
        _FIELD,
        self.name,
        f'returned a {type(made).__name__}: return a tf.data.Dataset of single examples, '
        '(inputs, label)',
      )
    return made

  def again(self) -> OwnData:
    """Returns the same data from a source that has not called the function yet."""
    return OwnData(self.name, self.seed, self.num_classes, self._shuffle_buffer)

  def read_anew(self, split: str) -> tf.data.Dataset:
    """Returns all examples of a split as if nobody had read them yet.

    The function is not called again for it; a dataset that is shuffled begins with its
    first order again.
    """
    with tf.init_scope():
      try:
        traced = self._trace(split)
      except errors.ConfigError:  # `graph` says why.
        return self._untraced(split)
      return traced.eagerly()

  @functools.cached_property
  def spec(self) -> source.Minibatch:
    """TensorSpecs of one example of the function's dataset."""
    spec = self.read_anew('train').element_spec
    if not isinstance(spec, tuple) or not 2 <= len(spec) <= 3:
      raise errors.ConfigError(
        _FIELD,
        self.name,
        f'has examples of the form {specs.shown(spec)}: let each be (inputs, label) or '
        '(inputs, label, weight)',
      )
    self._refuse_forms(spec)
    for tensor in tf.nest.flatten(spec):
      if not isinstance(tensor, tf.TensorSpec) or not tensor.shape.is_fully_defined():
        raise errors.ConfigError(
          _FIELD,
          self.name,
          f'has examples whose shape is not the same for all, {specs.shown(spec)}: pad '
          'or crop them, or declare it by tf.ensure_shape',
        )
    other = self.read_anew('holdout').element_spec
    if other != spec:
      raise errors.ConfigError(
        _FIELD,
        self.name,
        f"has other examples in 'holdout', {specs.shown(other)}, than in 'train', "
        f'{specs.shown(spec)}: make them alike',
      )
    return spec

  def _refuse_forms(self, spec: source.Minibatch) -> None:
    """Rejects batches, sparse tensors and words for labels, each with its remedy."""
    tensors = tf.nest.flatten(spec)
    dense = [tensor for tensor in tensors if isinstance(tensor, tf.TensorSpec)]
    remedy = ''
    if len(dense) < len(tensors):
      remedy = 'make them dense, e.g. by tf.sparse.to_dense or RaggedTensor.to_tensor'
    elif all(t.shape.rank and t.shape[0] is None for t in dense):
      remedy = 'leave batching to us, e.g. by unbatch()'
    elif any(t.dtype == tf.string for t in tf.nest.flatten(spec[1])):
      remedy = 'make labels numbers, e.g. by map and keras.layers.StringLookup'
    if remedy:
      raise errors.ConfigError(
        _FIELD, self.name, f'has examples of the form {specs.shown(spec)}: {remedy}'
      )

  @functools.cached_property
  def num_examples(self) -> int:
    """Number of training examples; counted if the dataset does not know it."""
    return self._count('train')

  def prepare(self) -> None:
    """Counts the examples if the dataset does not know, and rejects empty splits."""
    _ = self.spec
    for split in ('train', 'holdout'):
      if self._count(split) == 0:
        raise errors.ConfigError(
          _FIELD, self.name, f'has no examples in split {split!r}: it needs some'
        )

  def keep(self, folder: Path) -> None:
    """Saves a training set that consists of arrays, unless it is small.

    Arrays become constants of the workers' graphs, and a graph of 100 MB takes TensorFlow
    20 s to send and prepare; reading as much from a disk takes it one.
    """
    if self.graph().ByteSize() <= _MOST_IN_A_GRAPH:
      return
    path = folder / 'train'
    shutil.rmtree(path, ignore_errors=True)  # The function may have changed since.
    with tf.device(tf.constant(0).device):  # In a cluster, 'CPU:0' may be any task's.
      self.read_anew('train').batch(_CHUNK).save(str(path))
    self._kept = path

  def graph(self) -> tf.compat.v1.GraphDef:
    """Returns the operations that read the training set, as a worker gets them.

    Raises:
      errors.ConfigError: If the function cannot be called where a graph is made.
    """
    return self._trace('train').definition

  def stored(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns examples first, first + stride, ... of a split; see the base class."""
    return self._all(split).shard(stride, first)

  def _all(self, split: str) -> tf.data.Dataset:
    if tf.executing_eagerly():
      return self.read_anew(split)
    if split != 'train' or self._kept is None:
      return self._trace(split).in_graph()
    chunk = tf.nest.map_structure(
      lambda tensor: tf.TensorSpec([None, *tensor.shape], tensor.dtype), self.spec
    )
    return tf.data.Dataset.load(str(self._kept), chunk).unbatch()

  def _count(self, split: str) -> int:
    with tf.init_scope():  # Also while a graph is being traced.
      return self._count_eagerly(split)

  def _count_eagerly(self, split: str) -> int:
    dataset = self.read_anew(split)
    count = int(dataset.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
      raise errors.ConfigError(
        _FIELD,
        self.name,
        f'has no end in split {split!r}: return each example once, without repeat()',
      )
    if count == tf.data.UNKNOWN_CARDINALITY:
      count = int(dataset.reduce(tf.constant(0, tf.int64), lambda n, *_: n + 1))
    return count

  @functools.cache  # noqa: B019 (a source lives as long as its process)
  def _untraced(self, split: str) -> tf.data.Dataset:
    return self.dataset(split)

  def _trace(self, split: str) -> _Traced:
    if split not in self._traced:
      with tf.init_scope():
        try:
          self._traced[split] = _Traced(lambda: self.dataset(split))
        except errors.ConfigError as error:
          self._traced[split] = error
    found = self._traced[split]
    if isinstance(found, errors.ConfigError):
      raise found
    return found


class _Traced:
  """The operations of a function's dataset: one call serves every graph that reads it.

  It also has one order, whatever seed Keras or the user has set globally.

  Attributes:
    definition: Definition of the operations.
  """

  def __init__(self, make: Callable[[], tf.data.Dataset]) -> None:
    """Calls `make` while tracing a graph; it may raise."""

    def read() -> tf.Tensor:
      tf.compat.v1.get_default_graph().seed = None  # Of what was set for a model.
      made = make()
      self._spec = made.element_spec
      return tf.data.experimental.to_variant(made)

    self._read = tf.function(read, autograph=False).get_concrete_function()
    self.definition = self._read.graph.as_graph_def()

  def eagerly(self) -> tf.data.Dataset:
    """Returns the dataset for this process."""
    with tf.device(tf.constant(0).device):  # In a cluster, 'CPU:0' may be any task's.
      return tf.data.experimental.from_variant(self._read(), self._spec)

  def in_graph(self) -> tf.data.Dataset:
    """Returns the dataset as operations of the graph that is being traced."""
    graph = tf.compat.v1.get_default_graph()
    captured = {
      inner.name: graph.capture(outer) for outer, inner in self._read.graph.captures
    }
    # Importing under control dependencies fails (TensorFlow 2.21), and waits for nothing.
    with tf.control_dependencies(None):
      (variant,) = tf.graph_util.import_graph_def(
        self.definition,
        input_map=captured,
        return_elements=[self._read.graph.outputs[0].name],
        name='examples',
      )
    return tf.data.experimental.from_variant(variant, self._spec)
