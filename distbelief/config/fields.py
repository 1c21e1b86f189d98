"""The fields of a run's config, section by section.

An algorithm's own section stands in its file (algorithms/catalog).
"""

from __future__ import annotations

import math

from distbelief import data, models
from distbelief.algorithms import catalog, rules
from distbelief.declarations import built_in
from distbelief.declarations.config_field import (
  Check,
  Field,
  at_least,
  fraction,
  more_than_0,
  one_of,
)


def _one_of_or_own(*choices: str, files: bool = False) -> Check:
  known = one_of(*choices)

  def check(value: str) -> str | None:
    if (files and value.endswith('.keras')) or all(value.rpartition(':')[::2]):
      return None
    return (
      f'{known(value)} (or your own, as module:function or FILE.py:function)'
      if known(value)
      else None
    )

  return check


def _momentum(value: float) -> str | None:
  return None if -1 < value < 1 else 'must lie between -1 and 1'


def _seed(value: int) -> str | None:
  return None if 0 <= value < 2**31 else f'must lie between 0 and {2**31 - 1}'


def _widths(what: str) -> Check:
  def check(value: tuple[int, ...]) -> str | None:
    if all(isinstance(width, int) and width >= 1 for width in value):
      return None
    return f'must be a tuple of {what}'

  return check


def _factors(value: tuple[float, ...]) -> str | None:
  if all(isinstance(f, (int, float)) and math.isfinite(f) and f > 0 for f in value):
    return None
  return 'must be a tuple of factors of more than 0, one per replica, e.g. (1, 1, 1, 4)'


def _algorithms() -> str:
  return ', '.join(f'{one.name} ({one.summary})' for one in catalog.everything())


FIELDS = (
  Field(
    'algorithm',
    'downpour',
    f'How replicas are coupled: {_algorithms()}.',
    one_of(*catalog.names()),
    hyperparameter=True,
  ),
  Field(
    'seed',
    0,
    'Seed of weights, data and padding; with it, only the order of updates is free.',
    _seed,
    hyperparameter=True,
  ),
  Field(
    'num_steps',
    1000,
    'Minibatches in all: one pool for all replicas, warm start included.',
    at_least(1, 'minibatch'),
    hyperparameter=True,
  ),
  Field(
    'eval_steps',
    200,
    'Applied minibatches between two evaluations on hold-out data.',
    at_least(1, 'minibatch'),
  ),
  Field(
    'target_accuracy',
    float,
    'Hold-out accuracy whose time is reported as seconds_to_target (none: not reported).',
    fraction,
  ),
  Field(
    'checkpoint_seconds',
    30.0,
    'Seconds between two checkpoints.',
    more_than_0('seconds'),
  ),
  Field('checkpoints_kept', 3, 'The newest checkpoints that stay.', at_least(1)),
  Field(
    'model.name',
    'acoustic',
    f'The network: {built_in.listing(models.built_ins().values())}; or your own: '
    'module:function or FILE.py:function that returns a built Keras 3 model, or '
    'FILE.keras.',
    _one_of_or_own(*models.built_ins(), files=True),
    hyperparameter=True,
  ),
  Field(
    'model.loss',
    'softmax',
    'Loss of your own model if it is not compiled: softmax or logistic (one-vs-all) of '
    "logits and class indices, or one of Keras', e.g. mean_squared_error.",
  ),
  Field(
    'model.hidden_units',
    (256, 256, 256, 256),
    'Width of each hidden layer of acoustic; the paper has (2560, 2560, 2560, 2560), () '
    'is softmax.',
    _widths('layer widths of at least 1, e.g. (256, 256, 256, 256)'),
  ),
  Field(
    'model.num_maps',
    (8, 8, 8),
    'Nodes of image that see the same patch, per stage; the paper has 8 to 36.',
    _widths('maps of at least 1, e.g. (8, 8, 8)'),
  ),
  Field(
    'model.patch',
    10,
    'Side of the patch that a node of image sees.',
    at_least(1, 'pixel'),
  ),
  Field(
    'model.stride',
    2,
    'Step between patches of the first stage of image; later stages have 1.',
    at_least(1, 'pixel'),
  ),
  Field('model.pool', 2, 'Side of a pool of image.', at_least(1, 'position')),
  Field(
    'data.name',
    'synthetic_speech',
    f'{built_in.listing(data.built_ins().values())}; or your own: module:function or '
    'FILE.py:function, of (split, seed), that returns unbatched examples.',
    _one_of_or_own(*data.built_ins()),
    hyperparameter=True,
  ),
  Field(
    'data.num_classes',
    int,
    'Number of classes of your own data, for built-in networks (none: your model knows).',
    at_least(2, 'classes'),
  ),
  Field('data.batch_size', 64, 'Examples in a minibatch.', at_least(1, 'example')),
  Field(
    'data.num_utterances',
    500,
    'Length of the synthetic training set; an utterance is about 2 s of speech.',
    at_least(1, 'utterance'),
    hyperparameter=True,
  ),
  Field(
    'data.num_examples',
    10_000,
    'Length of the training set of font_digits.',
    at_least(1, 'example'),
  ),
  Field(
    'data.shuffle_buffer',
    0,
    "0: a replica's subset is kept in its worker's memory; else it is read again for "
    'every epoch, and shuffled in a buffer of so many examples.',
    at_least(0, 'examples'),
  ),
  Field(
    'cluster.num_replicas',
    int,
    'Model replicas, one a worker task (none: 2, or what TF_CONFIG says); sgd has 1.',
    at_least(1, 'replica'),
    hyperparameter=True,
  ),
  Field(
    'cluster.num_parameter_servers',
    int,
    'Parameter server tasks, one shard each (none: 1, or what TF_CONFIG says); '
    'downpour only.',
    at_least(1, 'parameter server'),
    hyperparameter=True,
  ),
  Field(
    'cluster.start_timeout',
    300.0,
    'Seconds that tasks wait for missing ones.',
    more_than_0('seconds'),
  ),
  Field(
    'cluster.device',
    'auto',
    'What workers compute on: auto (a GPU if there is one), cpu, gpu; worker i of a '
    'machine has GPU i mod n.',
    one_of('auto', 'cpu', 'gpu'),
  ),
  Field(
    'cluster.step_seconds',
    0.0,
    'Padding: a step takes at least this many seconds (the mean); 0: no padding.',
    at_least(0, 'seconds'),
    hyperparameter=True,
  ),
  Field(
    'cluster.step_distribution',
    'constant',
    'How step_seconds varies per replica and step: constant, gamma, lognormal, '
    'exponential, pareto (a heavy tail); seeded.',
    one_of('constant', 'gamma', 'lognormal', 'exponential', 'pareto'),
  ),
  Field(
    'cluster.step_deviation',
    0.15,
    'Standard deviation of gamma, lognormal and pareto step_seconds, as a fraction of '
    'the mean.',
    more_than_0(),
  ),
  Field(
    'cluster.slowdown',
    (),
    "A factor on each replica's step_seconds; (1, 1, 1, 4): the last is 4x slower.",
    _factors,
    hyperparameter=True,
  ),
  Field(
    'cluster.latency_seconds',
    0.0,
    'Padding: seconds of waiting added before each fetch, push and all-reduce.',
    at_least(0, 'seconds'),
    hyperparameter=True,
  ),
  *(field for algorithm in catalog.everything() for field in algorithm.fields),
  Field(
    'server.optimizer',
    'adagrad',
    'Rule that applies a push, or a mean gradient: sgd, momentum, adagrad (Section 4.1).',
    one_of(*rules.names()),
    hyperparameter=True,
  ),
  Field(
    'server.learning_rate',
    0.02,
    'Learning rate: eta of sgd and momentum, gamma of adagrad.',
    more_than_0(),
    hyperparameter=True,
  ),
  Field('server.momentum', 0.9, 'Coefficient of momentum.', _momentum),
  Field(
    'simulation.compute_seconds',
    float,
    'Virtual clock: seconds that a machine computes a minibatch (none: from '
    'flops_per_second); step_seconds hide it; if they are 0, it varies as they would.',
    more_than_0('seconds'),
  ),
  Field(
    'simulation.flops_per_second',
    5e10,
    "Virtual clock: a machine's speed; a minibatch takes 6 flops per parameter and "
    'example.',
    more_than_0('flops per second'),
  ),
  Field(
    'simulation.charged_parameters',
    int,
    'Virtual clock: number of parameters that costs of computing and transfers assume, '
    'e.g. 41777152 (none: that of the network that trains).',
    at_least(1, 'parameter'),
  ),
  Field(
    'simulation.replica_bandwidth',
    float,
    "Virtual clock: bytes per second of a replica's link (none: no limit).",
    more_than_0('bytes per second'),
  ),
  Field(
    'simulation.shard_bandwidth',
    float,
    "Virtual clock: bytes per second of a shard's link, which serves one transfer after "
    'the other (none: no limit).',
    more_than_0('bytes per second'),
  ),
  Field(
    'simulation.update_seconds',
    0.0,
    'Virtual clock: seconds for which an update holds the lock of its shard.',
    at_least(0, 'seconds'),
  ),
  Field(
    'simulation.window_seconds',
    0.0,
    'Virtual clock: seconds between two windows of a replica.',
    at_least(0, 'seconds'),
  ),
  Field(
    'simulation.straggler_every_seconds',
    0.0,
    'Virtual clock: mean seconds, exponential, until a machine becomes slow; 0: never.',
    at_least(0, 'seconds'),
  ),
  Field(
    'simulation.straggler_seconds',
    10.0,
    'Virtual clock: mean seconds, exponential, for which it is slow.',
    more_than_0('seconds'),
  ),
  Field(
    'simulation.straggler_factor',
    4.0,
    'Virtual clock: factor on the time of its steps while it is slow.',
    more_than_0(),
  ),
  Field(
    'simulation.life_seconds',
    float,
    'Virtual clock: mean seconds, exponential, until a replica dies (none: never).',
    more_than_0('seconds'),
  ),
  Field(
    'simulation.restart_seconds',
    5.0,
    'Virtual clock: seconds until it is back.',
    at_least(0, 'seconds'),
  ),
  Field(
    'telemetry.records',
    True,
    'Record every step; without it no losses, times, staleness, pictures and no replay.',
  ),
  Field(
    'telemetry.swarm_seconds',
    1.0,
    "Seconds between two samples of a replica's parameters, at the end of a window; 0: "
    'none.',
    at_least(0, 'seconds'),
  ),
  Field(
    'telemetry.pictures',
    True,
    'Draw timeline, staleness and swarm for TensorBoard when the run ends (matplotlib).',
  ),
  Field(
    'telemetry.seconds',
    1.0,
    'Seconds between two progress lines, and between two scalars in TensorBoard.',
    more_than_0('seconds'),
  ),
)

BY_NAME = {field.name: field for field in FIELDS}
