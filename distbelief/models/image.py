"""The paper's image network: locally connected, without shared weights (Section 5).

Three stages of filtering, pooling and local contrast normalisation; each node of a
filtering layer is connected to a patch of 10 x 10 of the layer below, and a few nodes (8
to 36, the maps) share a patch, each with weights of its own; the output is one logistic
unit per class. Pooling and normalisation are those of Le et al. (ICML 2012), the sister
paper, as this one does not give them: the root of the sum of squares, and Gaussian
weights.

Dimensions: B images, H x W positions, C channels or maps below, M maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import ml_collections
import numpy as np
from keras import ops

from distbelief import errors
from distbelief.data import specs
from distbelief.models import losses

NAME = 'image'
ORIGIN = "the paper's, Section 5"

_PACKAGE = 'distbelief'


_Maps: TypeAlias = Any  # [B, H, W, M], of whatever backend Keras has.


def create(
  model: ml_collections.ConfigDict, spec: Any, num_classes: int, seed: int
) -> keras.Model:
  """Returns the network of config.model (distbelief.models).

  Raises:
    errors.ConfigError: If the data are not images.
  """
  shape = tuple(spec[0].shape[1:])
  if len(shape) != 3:
    raise errors.ConfigError(
      'config.model.name',
      model.name,
      f'takes images, height x width x channels, but the data are {specs.shown(spec)}: '
      'choose acoustic, or other data',
    )
  return image_network(
    shape, model.num_maps, model.patch, model.stride, model.pool, num_classes, seed
  )


def image_network(
  input_shape: Sequence[int],
  num_maps: Sequence[int],
  patch: int,
  stride: int,
  pool: int,
  num_classes: int,
  seed: int,
) -> keras.Model:
  """Returns the network for images of any size, giving logits.

  Args:
    input_shape: Shape of an image, [height, width, channels].
    num_maps: Number of maps of each stage; the paper has three, of 8 to 36.
    patch: Side of a node's patch; beyond the edges there are zeros.
    stride: Step between the patches of the first stage; 1 in the later ones.
    pool: Side of a pooling node's patch, and step from one to the next.
    num_classes: Number of classes.
    seed: Seed of the initial weights; equal seeds give equal weights.
  """
  layers = [keras.Input(input_shape, name='image')]
  for index, maps in enumerate(num_maps):
    initializer = keras.initializers.LecunUniform(seed=seed + index)
    layers += [
      LocalFilters(
        maps,
        patch,
        1 if index else stride,
        kernel_initializer=initializer,
        name=f'filters_{index + 1}',
      ),
      L2Pooling(pool, name=f'pooling_{index + 1}'),
      LocalContrast(name=f'contrast_{index + 1}'),
    ]
  output = keras.initializers.GlorotUniform(seed=seed + len(num_maps))
  layers += [
    keras.layers.Flatten(),
    keras.layers.Dense(num_classes, kernel_initializer=output, name='logits'),
  ]
  return keras.Sequential(layers, name='image')


def loss() -> keras.losses.Loss:
  """Returns the paper's loss: one logistic output per class."""
  return losses.OneVsAll()


@keras.saving.register_keras_serializable(_PACKAGE)
class LocalFilters(keras.layers.Layer):
  """Linear filters on patches, with other weights at each position.

  From [B, H, W, C] to [B, H / stride, W / stride, M], both rounded up, with
  positions * M * (patch * patch * C + 1) parameters.
  """

  def __init__(
    self,
    num_maps: int,
    patch: int,
    stride: int = 1,
    kernel_initializer: str | keras.initializers.Initializer = 'lecun_uniform',
    **more: object,
  ) -> None:
    """Takes M, the side of a patch and the step between two, and the initial weights."""
    super().__init__(**more)
    self.num_maps, self.patch, self.stride = num_maps, patch, stride
    self.kernel_initializer = keras.initializers.get(kernel_initializer)

  def build(self, input_shape: Sequence[int]) -> None:
    """Creates the weights [positions, M, patch * patch * C] and biases."""
    _, height, width, channels = input_shape
    size = [-(-side // self.stride) for side in (height, width)]
    positions, inputs = int(np.prod(size)), self.patch**2 * channels

    def initial(shape: Sequence[int], dtype: str) -> object:
      # For Keras, leading axes are those of a convolution and count as inputs.
      flat = self.kernel_initializer((inputs, positions * self.num_maps), dtype)
      return ops.reshape(ops.transpose(flat), shape)

    self.kernel = self.add_weight(
      shape=(positions, self.num_maps, inputs), initializer=initial, name='kernel'
    )
    self.bias = self.add_weight(
      shape=(positions, self.num_maps), initializer='zeros', name='bias'
    )
    self._size, self._padding = (
      size,
      [_padding(side, self.patch, self.stride) for side in (height, width)],
    )
    self._inputs = _inputs(size, width + sum(self._padding[1]), channels, self)

  def call(self, images: _Maps) -> _Maps:
    """Returns [B, H', W', M]."""
    padded = ops.pad(images, [(0, 0), *self._padding, (0, 0)])
    # With B last a patch is a set of rows: gathering them, and adding up their gradients,
    # is faster than cutting out patches by a convolution.
    rows = ops.transpose(ops.reshape(padded, [-1, int(np.prod(padded.shape[1:]))]))
    patches = ops.take(rows, self._inputs, axis=0)  # [positions, inputs, B].
    values = ops.transpose(ops.matmul(self.kernel, patches), [2, 0, 1]) + self.bias
    return ops.reshape(values, [-1, *self._size, self.num_maps])

  def get_config(self) -> dict[str, object]:
    """Returns the constructor's arguments."""
    return super().get_config() | {
      'num_maps': self.num_maps,
      'patch': self.patch,
      'stride': self.stride,
      'kernel_initializer': keras.initializers.serialize(self.kernel_initializer),
    }


@keras.saving.register_keras_serializable(_PACKAGE)
class L2Pooling(keras.layers.Layer):
  """The root of the sum of squares over pool x pool positions of each map."""

  def __init__(self, pool: int, **more: object) -> None:
    """Takes the side of a node's patch, which is also the step between two."""
    super().__init__(**more)
    self.pool = pool

  def call(self, maps: _Maps) -> _Maps:
    """Returns [B, H / pool, W / pool, M], both rounded up."""
    means = ops.average_pool(maps**2, self.pool, self.pool, padding='same')
    # The slope of a root at 0 is infinite.
    return ops.sqrt(self.pool**2 * means + keras.config.epsilon())

  def get_config(self) -> dict[str, object]:
    """Returns the constructor's arguments."""
    return super().get_config() | {'pool': self.pool}


@keras.saving.register_keras_serializable(_PACKAGE)
class LocalContrast(keras.layers.Layer):
  """Subtracts the neighbourhood's mean, and divides by the deviation that remains.

  The neighbourhood is all maps of width x width positions, under Gaussian weights; where
  the deviation is less than `least`, it divides by that.
  """

  def __init__(self, width: int = 5, least: float = 0.01, **more: object) -> None:
    """Takes the neighbourhood's width and the least deviation."""
    super().__init__(**more)
    self.width, self.least = width, least

  def call(self, maps: _Maps) -> _Maps:
    """Returns [B, H, W, M]."""
    centred = maps - self._mean(maps)
    deviation = ops.sqrt(self._mean(centred**2) + keras.config.epsilon())
    return centred / ops.maximum(deviation, self.least)

  def _mean(self, maps: _Maps) -> _Maps:
    """Returns means [B, H, W, 1]; positions beyond the edges do not count."""
    offsets = np.arange(self.width) - self.width // 2
    bell = np.exp(-0.5 * (offsets / (self.width / 4)) ** 2)
    weights = np.outer(bell, bell)[:, :, None, None].astype('float32')
    over_maps = ops.mean(maps, axis=-1, keepdims=True)
    total = ops.conv(over_maps, weights, padding='same')
    counted = ops.conv(ops.ones_like(over_maps[:1]), weights, padding='same')
    return total / counted

  def get_config(self) -> dict[str, object]:
    """Returns the constructor's arguments."""
    return super().get_config() | {'width': self.width, 'least': self.least}


def _padding(side: int, patch: int, stride: int) -> tuple[int, int]:
  """Returns the zeros before and behind, so that patches are as many as side / stride."""
  missing = max(0, (-(-side // stride) - 1) * stride + patch - side)
  return missing // 2, missing - missing // 2


def _inputs(
  size: Sequence[int], width: int, channels: int, layer: LocalFilters
) -> np.ndarray:
  """Returns the index in a flat padded image of each input of each position.

  Args:
    size: Number of positions, down and across.
    width: Width of a padded image.
    channels: Number of channels, C.
    layer: Layer with its patch and stride.

  Returns:
    Indices, [positions, patch * patch * C] int32.
  """
  down, across = (np.arange(n) * layer.stride for n in size)
  corners = (down[:, None] * width + across).reshape(-1, 1)
  within = np.arange(layer.patch)
  pixels = (within[:, None] * width + within).reshape(-1)
  places = (corners + pixels)[:, :, None] * channels + np.arange(channels)
  return places.reshape(len(corners), -1).astype('int32')
