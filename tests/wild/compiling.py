"""How most of the models are compiled, and the parts that they share."""

import keras

from tests import made


def classifier(inputs, outputs):
  """Compiles a model of logits."""
  return made.compiled(keras.Model(inputs, outputs))


@keras.saving.register_keras_serializable('distbelief_tests')
class StochasticDepth(keras.layers.Layer):
  """Leaves a branch out for some of the examples, by a generator that Keras knows."""

  def __init__(self, rate, **more):
    super().__init__(**more)
    self.rate, self.seed = rate, keras.random.SeedGenerator(3)

  def call(self, x, training=False):
    if not training:
      return x
    shape = (keras.ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
    kept = keras.random.uniform(shape, seed=self.seed) >= self.rate
    return x * keras.ops.cast(kept, x.dtype) / (1 - self.rate)

  def get_config(self):
    return {**super().get_config(), 'rate': self.rate}
