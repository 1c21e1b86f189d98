"""Digits drawn from matplotlib's fonts: an embedded image set, no download.

An image is a digit of one of sixteen fonts, turned, shifted, scaled and put into noise;
each is a function of (seed, split, index) alone. A linear classifier does badly on it, as
its pixels are seldom in the same place.
"""

from __future__ import annotations

import functools
import math

import ml_collections
import numpy as np
import tensorflow as tf

from distbelief import errors
from distbelief.data import examples, source

NAME = 'font_digits'
ORIGIN = 'embedded, no download'

SIDE = 28  # Pixels of an image.
NUM_HOLDOUT = 2000

_GLYPH = 64  # Pixels of a digit's drawing; an image samples it through a map.
_FILLED = 0.7  # Height of the drawing's digit.
_FONTS = (
  *(f'DejaVuSans{style}' for style in ('', '-Bold', '-Oblique', '-BoldOblique')),
  *(f'DejaVuSansMono{style}' for style in ('', '-Bold', '-Oblique', '-BoldOblique')),
  *(f'DejaVuSerif{style}' for style in ('', '-Bold', '-Italic', '-BoldItalic')),
  *(f'STIXGeneral{style}' for style in ('', 'Bol', 'Italic', 'BolIta')),
)
_CHUNK = 256  # Images drawn by one call of each op.

# Largest turn (radians), shift (fractions of the image's side) and scale of a digit.
_TURN, _SHIFT, _SCALE = math.radians(25), 0.14, 1.25
_NOISE = 0.15  # Standard deviation; a digit's strokes are 1, the ground is 0.


class FontDigits(examples.Examples):
  """Images of 28 x 28 pixels."""

  name = NAME
  num_classes = 10

  def __init__(self, seed: int, num_examples: int, shuffle_buffer: int = 0) -> None:
    """Draws nothing yet; for `seed` and `shuffle_buffer` see the base class."""
    super().__init__(seed, shuffle_buffer)
    self._num_examples = num_examples

  @property
  def num_examples(self) -> int:
    """Number of training examples."""
    return self._num_examples

  @property
  def spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """An image [28, 28, 1] float32, and its digit."""
    return tf.TensorSpec([SIDE, SIDE, 1]), tf.TensorSpec([], tf.int32)

  def prepare(self) -> None:
    """Draws the fonts' digits, to check that they are available."""
    glyphs()

  def stored(
    self, split: str, first: int | tf.Tensor, stride: int | tf.Tensor
  ) -> tf.data.Dataset:
    """Returns pairs of image and digit; see the base class."""
    train = split == source.TRAIN
    number = self.num_examples if train else NUM_HOLDOUT
    seed = tf.constant([self.seed, 2 if train else 3], tf.int64)
    drawings = tf.constant(glyphs())

    def draw(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
      own = tf.random.experimental.stateless_fold_in(seed, index)
      seeds = tf.random.experimental.stateless_split(own, 2)
      uniform = tf.random.stateless_uniform([6], seeds[0])
      noise = tf.random.stateless_normal([SIDE, SIDE, 1], seeds[1], stddev=_NOISE)
      return uniform, noise, tf.cast(10 * uniform[0], tf.int32)

    def image(
      uniform: tf.Tensor, noise: tf.Tensor, digit: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
      font = tf.cast(len(_FONTS) * uniform[:, 1], tf.int32)
      images = _seen(tf.gather_nd(drawings, tf.stack([font, digit], 1)), uniform[:, 2:])
      return images + noise, digit

    draws = tf.data.Dataset.range(first, number, stride).map(draw)
    return draws.batch(_CHUNK).map(image).unbatch()


@functools.cache
def glyphs() -> np.ndarray:
  """Returns each font's ten digits, [fonts, 10, 64, 64, 1] float32 in 0..1.

  Raises:
    errors.UserError: If matplotlib is not installed.
  """
  try:
    import matplotlib
    from matplotlib import ft2font
  except ImportError as error:
    raise errors.UserError(
      "config.data.name ('font_digits') needs matplotlib: pip install matplotlib"
    ) from error
  drawn = np.zeros([len(_FONTS), 10, _GLYPH, _GLYPH, 1], np.float32)
  for index, name in enumerate(_FONTS):
    font = ft2font.FT2Font(f'{matplotlib.get_data_path()}/fonts/ttf/{name}.ttf')
    # A digit is about 0.72 of the font's size.
    font.set_size(_FILLED / 0.72 * _GLYPH, 72)
    for digit in range(10):
      font.set_text(str(digit))
      font.draw_glyphs_to_bitmap()
      bitmap = np.asarray(font.get_image(), np.float32)[:_GLYPH, :_GLYPH] / 255
      top, left = ((_GLYPH - size) // 2 for size in bitmap.shape)
      drawn[index, digit, top : top + len(bitmap), left : left + bitmap.shape[1], 0] = (
        bitmap
      )
  return drawn


def _seen(drawings: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
  """Returns [B, 28, 28, 1] of drawings [B, 64, 64, 1], each turned, shifted, scaled.

  Args:
    drawings: Drawings with values in 0..1.
    uniform: Amounts of the changes, [B, 4] in [0, 1).
  """
  turn, right, down, scale = tf.unstack(2 * uniform - 1, axis=1)
  turn, scale = turn * _TURN, _SCALE**scale * _GLYPH / SIDE
  cosine, sine = scale * tf.cos(turn), scale * tf.sin(turn)
  centre = (SIDE - 1) / 2
  x, y = centre + SIDE * _SHIFT * right, centre + SIDE * _SHIFT * down
  middle = (_GLYPH - 1) / 2
  zero = tf.zeros_like(turn)
  # Position in the drawing of each pixel of the image.
  transforms = tf.stack(
    [
      cosine,
      -sine,
      middle - cosine * x + sine * y,
      sine,
      cosine,
      middle - sine * x - cosine * y,
      zero,
      zero,
    ],
    axis=1,
  )
  # A pixel is as wide as 2.3 of the drawing's, so the drawing is blurred first.
  blurred = tf.nn.avg_pool2d(drawings, 2, 1, 'SAME')
  return tf.raw_ops.ImageProjectiveTransformV3(
    images=blurred,
    transforms=transforms,
    output_shape=[SIDE, SIDE],
    fill_value=0.0,
    interpolation='BILINEAR',
    fill_mode='CONSTANT',
  )


def create(data: ml_collections.ConfigDict, seed: int) -> FontDigits:
  """Returns the source (distbelief.data)."""
  return FontDigits(seed, data.num_examples, data.shuffle_buffer)
