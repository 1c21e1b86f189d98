"""Real runs, replayed in NumPy from their step records (tests/slow_truth.py)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from distbelief.problem import factory
from distbelief.sampling import seeds
from distbelief.telemetry import records as records_lib
from tests import runs, slow_truth, users

pytestmark = pytest.mark.cluster


def truth_of(workdir, num_replicas, num_shards, gradient_at=None, rule=None, **more):
  config = runs.config_of(workdir)
  source = factory.make_source(config)
  initial = [t.numpy() for t in factory.make_objective(config, source).initial]
  minibatch = runs.minibatches_of(config, num_replicas)

  def of_sigmoid_network(params, replica, step):
    return slow_truth.gradient(params, *minibatch(replica, step))

  return slow_truth.Truth(
    initial,
    num_shards,
    rule or config.server.optimizer,
    config.server.learning_rate,
    config.downpour.learning_rate,
    gradient_at or of_sigmoid_network,
    num_replicas,
    **more,
  )


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
@pytest.mark.parametrize('overlap', [False, True])
def test_records_explain_the_parameters(tmp_path, optimizer, overlap):
  workdir = tmp_path / 'run'
  fields = {
    'cluster.num_replicas': 4,
    'cluster.num_parameter_servers': 3,
    'downpour.n_fetch': 3,
    'downpour.n_push': 2,
    'downpour.overlap': overlap,
    'downpour.warmstart_steps': 20,
    'server.optimizer': optimizer,
    'num_steps': 500,
    **runs.SAMPLED,
  }
  summary = runs.train(workdir, **fields)
  records = runs.read(workdir)
  found = runs.checkpointed(workdir)
  assert len(found) % 3, 'the shards must be uneven'
  assert summary['steps'] == 500
  assert (records['status'] == 1).all() and len(records) == 500
  derived = records_lib.derived_staleness(records)
  np.testing.assert_array_equal(records['staleness'], derived)

  truth = truth_of(workdir, 4, 3).replay(records)
  assert runs.relative_error(found, truth) < 1e-4

  without_one = np.delete(records, 250)
  with pytest.raises(AssertionError):
    truth_of(workdir, 4, 3).replay(without_one)
  swapped = records.copy()
  busiest = np.bincount(records['replica'][records['pushed']]).argmax()
  pushes = np.flatnonzero(records['pushed'] & (records['replica'] == busiest))
  first, second = pushes[5:7]
  swapped['version_applied'][[first, second]] = records['version_applied'][
    [second, first]
  ]
  with pytest.raises(AssertionError):
    replayed = truth_of(workdir, 4, 3).replay(swapped)
    assert runs.relative_error(found, replayed) < 1e-4


class KerasSteps:
  """What plain Keras makes of every step: gradients, and what moves the statistics."""

  def __init__(self, config, num_replicas):
    keras.utils.set_random_seed(config.seed)
    self.model, self.seed = users.network(), config.seed
    self.minibatch = runs.minibatches_of(config, num_replicas)
    self.moving = [v for v in self.model.variables if 'moving' in v.name]
    self.initial = np.concatenate([v.numpy() for v in self.moving])
    self.moved = {}  # By replica and step.

  def gradient_at(self, params, replica, step):
    model = self.model
    for variable, value in zip(model.trainable_variables, params, strict=True):
      variable.assign(value)
    for variable in self.moving:
      variable.assign(tf.zeros_like(variable))
    seed = seeds.of_step(self.seed, seeds.MODEL, int(replica), int(step))
    for index, variable in enumerate(model.non_trainable_variables):
      if variable.name == 'seed_generator_state':
        variable.assign(tf.random.experimental.stateless_fold_in(seed, index))
    inputs, labels = self.minibatch(replica, step)
    with tf.GradientTape() as tape:
      loss = model.compute_loss(inputs, labels, model(inputs, training=True), None)
    gradient = tape.gradient(loss, [v.value for v in model.trainable_variables])
    self.moved[replica, step] = np.concatenate([v.numpy() for v in self.moving])
    return [g.numpy() for g in gradient]

  def statistics(self, records):
    """The moving averages after all steps, in the order in which shard 0 applied them."""
    found, momentum = self.initial, 0.9
    applied = np.sort(records, order=['replica', 'incarnation', 'step'])
    version = {}
    for record in applied[applied['pushed'] == 1]:
      key = (record['replica'], record['incarnation'], record['sequence'])
      version[key] = record['version_applied'][0]
    keys = [tuple(r) for r in applied[['replica', 'incarnation', 'sequence']]]
    for index in np.argsort([version[key] for key in keys], kind='stable'):
      record = applied[index]
      found = momentum * found + self.moved[record['replica'], record['batch']]
    return found


@pytest.mark.parametrize('overlap', [False, True])
def test_records_explain_a_keras_model_with_dropout_and_batch_normalisation(
  tmp_path, overlap
):
  workdir = tmp_path / 'run'
  summary = runs.train(
    workdir,
    **{
      'model.name': 'tests.users:network',
      'data.name': 'tests.users:examples',
      'cluster.num_replicas': 3,
      'cluster.num_parameter_servers': 2,
      'downpour.n_fetch': 2,
      'downpour.n_push': 3,
      'downpour.overlap': overlap,
      'downpour.learning_rate': 0.05,
      'num_steps': 300,
      **runs.SAMPLED,
    },
  )
  records = runs.read(workdir)
  assert summary['steps'] == len(records) == 300 and (records['status'] == 1).all()
  steps = KerasSteps(runs.config_of(workdir), 3)
  truth = truth_of(workdir, 3, 2, steps.gradient_at).replay(records)
  assert runs.relative_error(runs.checkpointed(workdir), truth) < 1e-4
  statistics = runs.checkpointed(workdir, 'statistics')
  assert runs.relative_error(statistics, steps.statistics(records)) < 1e-4
  trained = keras.models.load_model(workdir / 'model.keras')
  flat = np.concatenate([np.ravel(v) for v in trained.trainable_variables])
  assert runs.relative_error(flat, truth) < 1e-4
  moving = [v for v in trained.variables if 'moving' in v.name]
  np.testing.assert_allclose(np.concatenate(moving), statistics, rtol=1e-5)
