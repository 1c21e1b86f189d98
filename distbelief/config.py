"""Every field of a run's config: its default, its meaning, and what it may be.

A config file defines `get_config()`; it starts from `default_config()` and changes
what it needs. `check()` refuses a config that cannot be, before anything has started.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import ml_collections
from ml_collections import config_dict

from distbelief import errors
from distbelief.algorithms import rules

# A check returns None, or the remedy: what the field must be.
Check = Callable[[Any], str | None]


def _at_least(least: float, unit: str = '') -> Check:
  def check(value: float) -> str | None:
    if math.isfinite(value) and value >= least:
      return None
    return f'must be at least {least:g}{" " + unit if unit else ""}'

  return check


def _more_than_0(unit: str = '') -> Check:
  def check(value: float) -> str | None:
    if math.isfinite(value) and value > 0:
      return None
    return f'must be more than 0{" " + unit if unit else ""}'

  return check


def _one_of(*choices: str) -> Check:
  def check(value: str) -> str | None:
    if value in choices:
      return None
    close = difflib.get_close_matches(str(value), choices, n=1)
    meant = f'; did you mean {close[0]!r}?' if close else ''
    return f'is unknown: choose one of {", ".join(choices)}{meant}'

  return check


def _one_of_or_own(*choices: str, files: bool = False) -> Check:
  known = _one_of(*choices)

  def check(value: str) -> str | None:
    if (files and value.endswith('.keras')) or all(value.rpartition(':')[::2]):
      return None
    return f'{known(value)} (or your own, as module:function)' if known(value) else None

  return check


def _fraction(value: float) -> str | None:
  return None if 0 < value <= 1 else 'must be more than 0 and at most 1'


def _momentum(value: float) -> str | None:
  return None if -1 < value < 1 else 'must lie between -1 and 1'


def _seed(value: int) -> str | None:
  return None if 0 <= value < 2**31 else f'must lie between 0 and {2**31 - 1}'


def _anything(unused_value: Any) -> str | None:
  return None


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


@dataclasses.dataclass(frozen=True)
class Field:
  """One field; `default` is a type where the field may be left open."""

  name: str
  default: Any
  comment: str
  check: Check = _anything


FIELDS = (
  Field(
    'algorithm',
    'downpour',
    'How replicas are coupled: downpour (a parameter server, nobody waits), synchronous '
    '(all wait for all), sgd (there is only one).',
    _one_of('downpour', 'synchronous', 'sgd'),
  ),
  Field(
    'seed',
    0,
    'Of weights, data and padding; a run is a function of it and order.',
    _seed,
  ),
  Field(
    'num_steps',
    1000,
    'Minibatches in all: one pool for all replicas, warm start included.',
    _at_least(1, 'minibatch'),
  ),
  Field(
    'eval_steps',
    200,
    'Applied minibatches between two evaluations on hold-out data.',
    _at_least(1, 'minibatch'),
  ),
  Field(
    'target_accuracy',
    float,
    'Hold-out accuracy whose time is reported as seconds_to_target (none: not reported).',
    _fraction,
  ),
  Field(
    'checkpoint_seconds',
    30.0,
    'Seconds between two checkpoints.',
    _more_than_0('seconds'),
  ),
  Field('checkpoints_kept', 3, 'The newest checkpoints that stay.', _at_least(1)),
  Field(
    'model.name',
    'acoustic',
    "The network: acoustic, image (the paper's; Section 5), or your own: module:function "
    'that returns a built Keras 3 model, or FILE.keras.',
    _one_of_or_own('acoustic', 'image', files=True),
  ),
  Field(
    'model.loss',
    'softmax',
    'Of a model of your own that was not compiled: softmax or logistic (one-vs-all) of '
    "logits and class indices, or one of Keras', e.g. mean_squared_error.",
  ),
  Field(
    'model.hidden_units',
    (256, 256, 256, 256),
    'Of acoustic: width of each hidden layer; the paper has (2560, 2560, 2560, 2560), () '
    'is softmax.',
    _widths('layer widths of at least 1, e.g. (256, 256, 256, 256)'),
  ),
  Field(
    'model.num_maps',
    (8, 8, 8),
    'Of image: nodes that see the same patch, for each stage; the paper has 8 to 36.',
    _widths('maps of at least 1, e.g. (8, 8, 8)'),
  ),
  Field('model.patch', 10, 'Of image: side of what a node sees.', _at_least(1, 'pixel')),
  Field(
    'model.stride',
    2,
    'Of image: from one patch of the first stage to the next; later stages have 1.',
    _at_least(1, 'pixel'),
  ),
  Field('model.pool', 2, 'Of image: side of a pool.', _at_least(1, 'position')),
  Field(
    'data.name',
    'synthetic_speech',
    'synthetic_speech, font_digits (embedded, no download); spoken_digit, '
    'speech_commands, mnist, fashion_mnist, cifar10, imagenet2012 (TensorFlow Datasets); '
    'or your own: module:function, of (split, seed), that returns unbatched examples.',
    _one_of_or_own(
      'synthetic_speech',
      'font_digits',
      'spoken_digit',
      'speech_commands',
      'mnist',
      'fashion_mnist',
      'cifar10',
      'imagenet2012',
    ),
  ),
  Field(
    'data.num_classes',
    int,
    'Of data of your own, for the built-in networks (none: a model of your own knows).',
    _at_least(2, 'classes'),
  ),
  Field('data.batch_size', 64, 'Examples in a minibatch.', _at_least(1, 'example')),
  Field(
    'data.num_utterances',
    500,
    'Length of the synthetic training set; an utterance is about 2 s of speech.',
    _at_least(1, 'utterance'),
  ),
  Field(
    'data.num_examples',
    10_000,
    'Length of the training set of font_digits.',
    _at_least(1, 'example'),
  ),
  Field(
    'data.shuffle_buffer',
    0,
    "0: a replica's subset is kept in its worker's memory; else it is read again for "
    'every epoch, and shuffled in a buffer of so many examples.',
    _at_least(0, 'examples'),
  ),
  Field(
    'cluster.num_replicas',
    int,
    'Model replicas, one a worker task (none: 2, or what TF_CONFIG says); sgd has 1.',
    _at_least(1, 'replica'),
  ),
  Field(
    'cluster.num_parameter_servers',
    int,
    'Parameter server tasks, one shard each (none: 1, or what TF_CONFIG says); '
    'downpour only.',
    _at_least(1, 'parameter server'),
  ),
  Field(
    'cluster.start_timeout',
    300.0,
    'Seconds that tasks wait for missing ones.',
    _more_than_0('seconds'),
  ),
  Field(
    'cluster.device',
    'auto',
    'What workers compute on: auto (a GPU if there is one), cpu, gpu; worker i of a '
    'machine has GPU i mod n.',
    _one_of('auto', 'cpu', 'gpu'),
  ),
  Field(
    'cluster.step_seconds',
    0.0,
    'Padding: a step takes at least this many seconds (the mean); 0: no padding.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'cluster.step_distribution',
    'constant',
    'How step_seconds varies per replica and step: constant, gamma, lognormal, '
    'exponential, pareto (a heavy tail); seeded.',
    _one_of('constant', 'gamma', 'lognormal', 'exponential', 'pareto'),
  ),
  Field(
    'cluster.step_deviation',
    0.15,
    'Standard deviation of gamma, lognormal and pareto step_seconds, as a fraction of '
    'the mean.',
    _more_than_0(),
  ),
  Field(
    'cluster.slowdown',
    (),
    "A factor on each replica's step_seconds; (1, 1, 1, 4): the last is 4x slower.",
    _factors,
  ),
  Field(
    'cluster.latency_seconds',
    0.0,
    'Padding: seconds added to each fetch, push and all-reduce, waited before it.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'downpour.n_fetch',
    1,
    'Steps from one fetch of the parameters to the next; the paper uses 1.',
    _at_least(1, 'step; the paper uses 1'),
  ),
  Field(
    'downpour.n_push',
    1,
    'Steps whose gradients one push carries (their sum); the paper uses 1.',
    _at_least(1, 'step; the paper uses 1'),
  ),
  Field(
    'downpour.learning_rate',
    0.1,
    "Alpha: rate of a replica's local step between two fetches.",
    _at_least(0),
  ),
  Field('downpour.overlap', False, 'Fetch and push while the next step computes.'),
  Field(
    'downpour.window_steps',
    20,
    'Steps per closure scheduled on a worker; changes nothing of what is computed.',
    _at_least(1, 'step'),
  ),
  Field(
    'downpour.warmstart_steps',
    0,
    'The first steps, by replica 0 alone, on the whole training set.',
    _at_least(0, 'steps'),
  ),
  Field(
    'downpour.warmstart_optimizer',
    'server',
    "server (the server's rule) or sgd (the paper's; slots fill as well).",
    _one_of('server', 'sgd'),
  ),
  Field(
    'downpour.warmstart_learning_rate',
    float,
    "Rate of the warm start (none: the server's).",
    _more_than_0(),
  ),
  Field(
    'downpour.reset_slots',
    False,
    "Empty the server's slots (Adagrad's sums) when the warm start ends.",
  ),
  Field(
    'server.optimizer',
    'adagrad',
    'What a push, or a mean gradient, does: sgd, momentum or adagrad (Section 4.1).',
    _one_of(*rules.names()),
  ),
  Field(
    'server.learning_rate',
    0.02,
    'Its rate: eta of sgd and momentum, gamma of adagrad.',
    _more_than_0(),
  ),
  Field('server.momentum', 0.9, 'Coefficient of momentum.', _momentum),
  Field(
    'synchronous.learning_rate',
    float,
    "The rate under algorithm synchronous (none: the server's).",
    _more_than_0(),
  ),
  Field(
    'synchronous.backup_workers',
    0,
    'Of the replicas, how many an update does without: it takes the first to come (Chen '
    'et al. 2016); virtual clock only.',
    _at_least(0, 'replicas'),
  ),
  Field(
    'simulation.compute_seconds',
    float,
    'Virtual clock: seconds that a machine computes a minibatch (none: from '
    'flops_per_second); step_seconds hide it, and without them it varies as they would.',
    _more_than_0('seconds'),
  ),
  Field(
    'simulation.flops_per_second',
    5e10,
    "Virtual clock: a machine's speed; a minibatch takes 6 flops per parameter and "
    'example.',
    _more_than_0('flops per second'),
  ),
  Field(
    'simulation.charged_parameters',
    int,
    'Virtual clock: parameters of the network that computing and transfers are charged '
    'for, e.g. 41777152 (none: of the one that trains).',
    _at_least(1, 'parameter'),
  ),
  Field(
    'simulation.replica_bandwidth',
    float,
    "Virtual clock: bytes per second of a replica's link (none: no limit).",
    _more_than_0('bytes per second'),
  ),
  Field(
    'simulation.shard_bandwidth',
    float,
    "Virtual clock: bytes per second of a shard's link, which serves one transfer after "
    'the other (none: no limit).',
    _more_than_0('bytes per second'),
  ),
  Field(
    'simulation.update_seconds',
    0.0,
    'Virtual clock: seconds for which an update has its shard locked.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'simulation.window_seconds',
    0.0,
    'Virtual clock: seconds between two windows of a replica.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'simulation.straggler_every_seconds',
    0.0,
    'Virtual clock: mean time, exponential, until a machine becomes slow for a while; 0: '
    'never.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'simulation.straggler_seconds',
    10.0,
    'Virtual clock: mean time, exponential, for which it is slow.',
    _more_than_0('seconds'),
  ),
  Field(
    'simulation.straggler_factor',
    4.0,
    'Virtual clock: how many times longer its steps take then.',
    _more_than_0(),
  ),
  Field(
    'simulation.life_seconds',
    float,
    'Virtual clock: mean time, exponential, until a replica dies (none: never).',
    _more_than_0('seconds'),
  ),
  Field(
    'simulation.restart_seconds',
    5.0,
    'Virtual clock: until it is back.',
    _at_least(0, 'seconds'),
  ),
  Field(
    'telemetry.records',
    True,
    'Record every step; without it no losses, times, staleness, pictures and no replay.',
  ),
  Field(
    'telemetry.swarm_seconds',
    1.0,
    'Seconds between two samples of where each replica is, at the end of a window; 0: '
    'none.',
    _at_least(0, 'seconds'),
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
    _more_than_0('seconds'),
  ),
)

_BY_NAME = {field.name: field for field in FIELDS}

_KINDS = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a word',
  tuple: 'a tuple',
}

# What may differ when a workdir is resumed (contract 9).
CLOCKS = ('cluster', 'virtual')
MAY_CHANGE_ON_RESUME = ('cluster.', 'num_steps', 'checkpoint_seconds')


def default_config() -> ml_collections.ConfigDict:
  """Returns a config with every field at its default, locked against new fields."""
  config = ml_collections.ConfigDict()
  for field in FIELDS:
    *rooms, name = field.name.split('.')
    room = config
    for part in rooms:
      if part not in room:
        room[part] = ml_collections.ConfigDict()
      room = room[part]
    if isinstance(field.default, type):
      room[name] = config_dict.placeholder(field.default)
    else:
      room[name] = field.default
  return config.lock()


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Returns the fields by dotted name, in the order of the config's file."""

  def walk(room: ml_collections.ConfigDict, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in room.items():
      if isinstance(value, ml_collections.ConfigDict):
        yield from walk(value, f'{prefix}{name}.')
      else:
        yield f'{prefix}{name}', value

  return dict(walk(config, ''))


def suggestion(name: str) -> str:
  """Returns '; did you mean config.x?' for a misspelt field, or nothing."""
  names = {known.split('.')[-1]: known for known in _BY_NAME} | {n: n for n in _BY_NAME}
  close = difflib.get_close_matches(name.removeprefix('config.'), names, n=1)
  return f'; did you mean config.{names[close[0]]}?' if close else ''


def check_name(name: str) -> None:
  """Raises errors.ConfigError if `name` is no field."""
  if name not in _BY_NAME:
    raise errors.ConfigError(
      f'config.{name}', None, f'is no field{suggestion(name)} (--print_config lists all)'
    )


def _type(field: Field) -> type:
  return field.default if isinstance(field.default, type) else type(field.default)


def must_be(name: str) -> str:
  """Returns the remedy for a value of the wrong type, e.g. 'must be a number'."""
  return f'must be {_KINDS[_type(_BY_NAME[name])]}'


def check(config: ml_collections.ConfigDict, clock: str = 'cluster') -> None:
  """Raises errors.ConfigError for the first field that cannot be.

  Args:
    config: The whole config. Fields that hang together are looked at as well; the
      counts of tasks must be those of the cluster, or left open for one on this machine.
    clock: One of CLOCKS.

  Raises:
    errors.UserError: If there is no such clock.
  """
  check_fields(config)
  if clock not in CLOCKS:
    raise errors.UserError(f'clock ({clock!r}) is unknown: choose {" or ".join(CLOCKS)}')
  _check_together(config)
  if clock == 'cluster' and config.cluster.slowdown and not config.cluster.step_seconds:
    raise errors.ConfigError(
      'config.cluster.slowdown',
      config.cluster.slowdown,
      'does nothing without padding: set config.cluster.step_seconds, e.g. to 0.1',
    )
  if clock == 'cluster' and backup_workers(config):
    raise errors.ConfigError(
      'config.synchronous.backup_workers',
      config.synchronous.backup_workers,
      'is for the virtual clock: an all-reduce waits for all; set --clock=virtual, or 0',
    )


def check_fields(config: ml_collections.ConfigDict) -> None:
  """Raises errors.ConfigError for the first field that cannot be, whatever the rest."""
  values = flatten(config)
  for name in values:
    check_name(name)
  for field in FIELDS:
    if field.name not in values:
      raise errors.ConfigError(
        f'config.{field.name}',
        None,
        'is missing: start from distbelief.default_config()',
      )
    value = values[field.name]
    if value is None and isinstance(field.default, type):
      continue
    kind = _type(field)
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
      raise errors.ConfigError(f'config.{field.name}', value, must_be(field.name))
    remedy = field.check(value)
    if remedy:
      raise errors.ConfigError(f'config.{field.name}', value, remedy)


def _check_together(config: ml_collections.ConfigDict) -> None:
  replicas = num_replicas(config)
  slowdown = config.cluster.slowdown
  # One process is replica 0, on whatever machines the others would have had.
  if slowdown and len(slowdown) != replicas and config.algorithm != 'sgd':
    raise errors.ConfigError(
      'config.cluster.slowdown',
      slowdown,
      f'must have one factor per replica: {replicas}, not {len(slowdown)}',
    )
  if warmstart_steps(config) > config.num_steps:
    raise errors.ConfigError(
      'config.downpour.warmstart_steps',
      config.downpour.warmstart_steps,
      f'must be at most config.num_steps ({config.num_steps}): they are part of them',
    )
  if backup_workers(config) >= replicas:
    raise errors.ConfigError(
      'config.synchronous.backup_workers',
      config.synchronous.backup_workers,
      f'must be less than the {replicas} replicas, backups among them',
    )
  needed = replicas - backup_workers(config)
  if config.algorithm == 'synchronous' and config.num_steps % needed:
    below = config.num_steps // needed * needed
    nearest = f'{below} or {below + needed}' if below else f'{needed}'
    raise errors.ConfigError(
      'config.num_steps',
      config.num_steps,
      f'must be a multiple of the {needed} replicas, each of which has a minibatch in '
      f'every update: {nearest}',
    )


def jobs(config: ml_collections.ConfigDict) -> dict[str, int]:
  """Returns how many tasks of each job a run on this machine has.

  The first task of the first job leads: it keeps the run's directory.
  """
  if config.algorithm != 'downpour':
    return {'worker': num_replicas(config)}
  servers = config.cluster.num_parameter_servers
  return {
    'chief': 1,
    'worker': num_replicas(config),
    'ps': 1 if servers is None else servers,
  }


def num_replicas(config: ml_collections.ConfigDict) -> int:
  """Returns how many replicas train."""
  if config.algorithm == 'sgd':
    return 1
  return 2 if config.cluster.num_replicas is None else config.cluster.num_replicas


def learning_rate(config: ml_collections.ConfigDict) -> float:
  """Returns the rate of config.server's rule under config.algorithm."""
  own = config.synchronous.learning_rate
  if config.algorithm == 'synchronous' and own is not None:
    return own
  return config.server.learning_rate


def warmstart_steps(config: ml_collections.ConfigDict) -> int:
  """Returns how many steps replica 0 does alone: config.downpour is Downpour's only."""
  return config.downpour.warmstart_steps if config.algorithm == 'downpour' else 0


def backup_workers(config: ml_collections.ConfigDict) -> int:
  """Returns how many replicas an update does without: config.synchronous' only."""
  if config.algorithm != 'synchronous':
    return 0
  return config.synchronous.backup_workers


def overlaps(config: ml_collections.ConfigDict) -> bool:
  """Returns whether fetches and pushes travel while the next step computes."""
  return config.algorithm == 'downpour' and config.downpour.overlap


def describe(config: ml_collections.ConfigDict) -> str:
  """Returns every field with its value and its comment, a line each."""
  values = flatten(config)
  left = [f'config.{field.name} = {values[field.name]!r}' for field in FIELDS]
  width = min(48, max(map(len, left)))
  return '\n'.join(
    f'{line:{width}}  # {field.comment}' for line, field in zip(left, FIELDS)
  )


def to_json(config: ml_collections.ConfigDict) -> str:
  """Returns the config as text, for config.json; `from_json` reads it back."""
  return json.dumps(config.to_dict(), indent=2) + '\n'


def from_json(text: str) -> ml_collections.ConfigDict:
  """Returns the config that `to_json` wrote."""
  config = default_config()
  for name, value in flatten(ml_collections.ConfigDict(json.loads(text))).items():
    with config.unlocked():  # A field of another version is named by check().
      config.update_from_flattened_dict({name: value})  # Makes tuples of lists.
  return config


def changed_field(
  before: ml_collections.ConfigDict, after: ml_collections.ConfigDict
) -> str | None:
  """Returns the first field that differs and must not on a resume, or None."""
  old, new = flatten(before), flatten(after)
  for name in sorted(old.keys() | new.keys()):
    if name.startswith(MAY_CHANGE_ON_RESUME[0]) or name in MAY_CHANGE_ON_RESUME[1:]:
      continue
    if old.get(name) != new.get(name):
      return name
  return None
