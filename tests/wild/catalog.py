"""The kinds of models and data, and what is promised of each."""

from typing import NamedTuple

# What a run leaves: a file that Keras loads; one that needs the function, which cannot be
# made from it; the weights alone.
LOADS, NEEDS_FUNCTION, WEIGHTS = 'loads', 'needs the function', 'weights'


class Kind(NamedTuple):
  """A model, its data, and what is promised.

  Attributes:
    model: Function that makes the model, 'file:function' in this folder.
    data: Function of data.py.
    rate: Rate of Adagrad.
    steps: Minibatches to train on.
    left: What the run leaves of it.
    slow: Whether it takes long.
  """

  model: str
  data: str
  rate: float = 0.03
  steps: int = 200
  left: str = LOADS
  slow: bool = False

  def __str__(self) -> str:
    return self.model.partition(':')[2]

  @property
  def fields(self) -> dict:
    """Fields of the config."""
    return {
      'model.name': f'tests.wild.{self.model}',
      'data.name': f'tests.wild.data:{self.data}',
      'server.learning_rate': self.rate,
      'num_steps': self.steps,
      'data.batch_size': 16,
      'downpour.warmstart_steps': 40,
      'cluster.num_replicas': 2,
      'cluster.num_parameter_servers': 1 if self.model.endswith('columns') else 2,
    }


TRAINED = (
  Kind('images:convnet', 'images'),
  Kind('images:convnet_of_one_hot', 'one_hot_images'),
  Kind('images:residual', 'images'),
  Kind('images:compact_transformer', 'images', 0.01, 120, slow=True),
  Kind('images:augmenting', 'images', steps=120, slow=True),
  Kind('images:frozen_base', 'bytes_of_images'),
  Kind('images:mixed_bfloat16', 'images'),
  Kind('images:mixed_float16', 'images'),
  Kind('images:siamese', 'pairs', 0.01, left=NEEDS_FUNCTION),
  Kind('images:point_network', 'clouds', steps=120, left=WEIGHTS),
  Kind('sequences:transformer', 'sentences', 0.01, 120, slow=True),
  Kind(
    'sequences:transformer_that_does_not_load',
    'sentences',
    0.01,
    120,
    left=NEEDS_FUNCTION,
    slow=True,
  ),
  Kind('sequences:bidirectional_dropout', 'sentences', steps=80, slow=True),
  Kind('sequences:tagger', 'tagged_sentences', left=WEIGHTS),
  Kind('sequences:wave_transformer', 'series', steps=120),
  Kind('sequences:tickets', 'tickets', steps=120, slow=True),
  Kind('sequences:speech', 'spoken', steps=80, slow=True),
  Kind('tables:structured', 'patients'),
  Kind('tables:rare_class', 'frauds'),
  Kind('tables:recommender', 'ratings', 0.05, 400, left=WEIGHTS),
  Kind('tables:antirectifier', 'points'),
  Kind('tables:own_state', 'points'),
  Kind('tables:not_negative', 'points'),
  Kind('tables:bounded_columns', 'points'),
  Kind('tables:float8', 'points'),
  Kind('tables:int8', 'points'),
  Kind('tables:low_rank', 'points'),
  Kind('tables:int8_low_rank', 'points'),
  Kind('own_losses:autoencoder', 'images_of_themselves'),
  Kind('own_losses:variational', 'images_without_labels'),
  Kind(
    'own_losses:variational_of_a_subclass',
    'images_without_labels',
    left=WEIGHTS,
  ),
  Kind('own_losses:endpoint', 'labelled_twice'),
)

# Each with a part of the line.
REFUSED = (
  (Kind('refused:own_train_step', 'images_without_labels'), 'a train_step of its own'),
  (Kind('refused:random_of_tensorflow', 'points'), 'a keras.random.SeedGenerator'),
  (Kind('refused:double', 'points'), 'parameters that are float64'),
  (Kind('refused:spectral', 'points'), 'leave out the layer that does so'),
  (Kind('refused:stateful', 'points'), 'set its stateful=False'),
  (Kind('refused:vocabulary', 'letters'), 'or a lookup table'),
)
