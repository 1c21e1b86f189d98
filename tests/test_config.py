"""Fields, their defaults and comments, and what is refused."""

import dataclasses
import math

import pytest

from distbelief import config as config_lib
from distbelief import errors


def changed(**fields):
  config = config_lib.default_config()
  config.update_from_flattened_dict(fields)
  return config


def test_defaults_pass():
  config_lib.check(config_lib.default_config())


def test_every_field_has_a_comment_of_one_line():
  for field in config_lib.FIELDS:
    assert field.comment.endswith('.') and '\n' not in field.comment


def test_description_has_a_line_per_field_with_value_and_comment():
  config = changed(**{'downpour.n_fetch': 7, 'target_accuracy': 0.5})
  lines = config_lib.describe(config).splitlines()
  assert len(lines) == len(config_lib.FIELDS)
  for line, field in zip(lines, config_lib.FIELDS):
    value = config_lib.flatten(config)[field.name]
    left, comment = line.split('  # ')
    assert left.rstrip() == f'config.{field.name} = {value!r}'
    assert comment == field.comment
  assert any(line.startswith('config.downpour.n_fetch = 7 ') for line in lines)


def test_a_config_takes_no_new_fields():
  config = config_lib.default_config()
  with pytest.raises(AttributeError):
    config.num_step = 3
  with pytest.raises(AttributeError):
    config.downpour.fetch = 3


def test_fields_left_open_can_be_set_and_opened_again():
  config = changed(**{'cluster.num_replicas': 7, 'target_accuracy': 1})
  config_lib.check(config)
  assert config_lib.jobs(config) == {'chief': 1, 'worker': 7, 'ps': 1}
  config.cluster.num_replicas = None
  assert config_lib.jobs(config) == {'chief': 1, 'worker': 2, 'ps': 1}


@pytest.mark.parametrize(('algorithm', 'workers'), [('synchronous', 4), ('sgd', 1)])
def test_without_a_parameter_server_there_are_only_workers(algorithm, workers):
  config = changed(
    **{'algorithm': algorithm, 'cluster.num_replicas': 4, 'downpour.overlap': True}
  )
  config_lib.check(config)
  assert config_lib.jobs(config) == {'worker': workers}
  assert not config_lib.overlaps(config)


def test_the_synchronous_rate_is_its_own_or_the_servers():
  config = changed(**{'server.learning_rate': 0.5})
  rates = []
  for own in (None, 0.25):
    config.synchronous.learning_rate = own
    for config.algorithm in ('downpour', 'synchronous', 'sgd'):
      rates.append(config_lib.learning_rate(config))
  assert rates == [0.5, 0.5, 0.5, 0.5, 0.25, 0.5]


def test_a_synchronous_update_takes_a_minibatch_of_every_replica():
  config = changed(
    **{'algorithm': 'synchronous', 'cluster.num_replicas': 4, 'num_steps': 1002}
  )
  with pytest.raises(errors.ConfigError, match=r'\(1002\).*4 replicas.*: 1000 or 1004$'):
    config_lib.check(config)
  config.num_steps = 3
  with pytest.raises(errors.ConfigError, match=r': 4$'):
    config_lib.check(config)
  for config.algorithm in ('downpour', 'sgd'):
    config_lib.check(config)


def test_downpours_fields_are_no_concern_of_the_others():
  config = changed(**{'num_steps': 100, 'downpour.warmstart_steps': 200})
  with pytest.raises(errors.ConfigError, match='warmstart_steps'):
    config_lib.check(config)
  for config.algorithm in ('synchronous', 'sgd'):
    config_lib.check(config)
    assert config_lib.warmstart_steps(config) == 0


def test_one_process_is_replica_0_of_the_slowed_down_ones():
  fields = {'cluster.slowdown': (1, 1, 4), 'cluster.step_seconds': 0.1}
  config = changed(**fields)
  with pytest.raises(errors.ConfigError, match='one factor per replica: 2, not 3'):
    config_lib.check(config)
  config.algorithm = 'sgd'
  config_lib.check(config)


def test_json_brings_back_every_field_tuples_and_none_as_well():
  config = changed(
    **{
      'model.hidden_units': (3, 2),
      'cluster.num_replicas': 3,
      'cluster.slowdown': (1, 2.5, 4),
      'cluster.step_seconds': 0.1,
      'checkpoint_seconds': 0.1,
      'downpour.overlap': True,
    }
  )
  text = config_lib.to_json(config)
  found = config_lib.from_json(text)
  assert config_lib.flatten(found) == config_lib.flatten(config)
  assert found.model.hidden_units == (3, 2)
  assert found.cluster.slowdown == (1, 2.5, 4)
  assert found.target_accuracy is None
  assert found.is_locked
  assert config_lib.to_json(found) == text
  config_lib.check(found)
  found.target_accuracy = 0.5  # Is still a field of a type.


def test_json_of_another_version_is_named():
  text = config_lib.to_json(config_lib.default_config())
  found = config_lib.from_json(text.replace('"seed"', '"sead"'))
  with pytest.raises(
    errors.ConfigError, match=r'^config\.sead is no field; did you mean'
  ):
    config_lib.check(found)


def other_value(field):
  default = field.default
  if isinstance(default, type):
    return default(1)
  if isinstance(default, bool):
    return not default
  if isinstance(default, str):
    return f'{default}x'
  return (*default, 9) if isinstance(default, tuple) else default + 1


@pytest.mark.parametrize('field', config_lib.FIELDS, ids=lambda field: field.name)
def test_only_cluster_num_steps_and_checkpoint_seconds_may_change_on_a_resume(field):
  before = config_lib.default_config()
  after = changed(**{field.name: other_value(field)})
  may = field.name.startswith('cluster.')
  may |= field.name in ('num_steps', 'checkpoint_seconds')
  expected = None if may else field.name
  assert config_lib.changed_field(before, after) == expected
  assert config_lib.changed_field(after, before) == expected
  assert config_lib.changed_field(after, after.copy_and_resolve_references()) is None


BAD = [
  (
    'algorithm',
    'downpuor',
    "one of downpour, sgd, synchronous; did you mean 'downpour'?",
  ),
  ('seed', -1, 'between 0 and 2147483647'),
  ('seed', 2**31, 'between 0 and 2147483647'),
  ('num_steps', 0, 'at least 1 minibatch'),
  ('eval_steps', 0, 'at least 1 minibatch'),
  ('target_accuracy', 0.0, 'more than 0 and at most 1'),
  ('target_accuracy', 1.01, 'more than 0 and at most 1'),
  ('target_accuracy', math.nan, 'more than 0 and at most 1'),
  ('checkpoint_seconds', 0.0, 'more than 0 seconds'),
  ('checkpoint_seconds', math.inf, 'more than 0 seconds'),
  ('checkpoints_kept', 0, 'at least 1'),
  ('model.name', 'acustic', "one of acoustic, image; did you mean 'acoustic'? (or your"),
  ('model.name', ':build', 'or your own, as module:function'),
  ('model.name', 'models:', 'or your own, as module:function'),
  ('model.num_maps', (8, 0), 'a tuple of maps of at least 1'),
  ('model.patch', 0, 'at least 1 pixel'),
  ('model.stride', 0, 'at least 1 pixel'),
  ('model.pool', 0, 'at least 1 position'),
  ('model.hidden_units', (256, 0), 'a tuple of layer widths'),
  ('model.hidden_units', (256.0,), 'a tuple of layer widths'),
  ('model.hidden_units', ('x',), 'a tuple of layer widths'),
  (
    'data.name',
    'minst',
    "did you mean 'mnist'? (or your own, as module:function or FILE.py:function)",
  ),
  ('data.num_classes', 1, 'at least 2 classes'),
  ('data.num_examples', 0, 'at least 1 example'),
  ('data.shuffle_buffer', -1, 'at least 0 examples'),
  ('data.batch_size', 0, 'at least 1 example'),
  ('data.num_utterances', 0, 'at least 1 utterance'),
  ('cluster.num_replicas', 0, 'at least 1 replica'),
  ('cluster.num_parameter_servers', 0, 'at least 1 parameter server'),
  ('cluster.start_timeout', 0.0, 'more than 0 seconds'),
  ('cluster.device', 'cuda', 'one of auto, cpu, gpu'),
  ('cluster.step_seconds', -0.1, 'at least 0 seconds'),
  ('cluster.step_seconds', math.nan, 'at least 0 seconds'),
  ('cluster.step_distribution', 'gama', "did you mean 'gamma'?"),
  ('cluster.step_deviation', 0.0, 'more than 0'),
  ('cluster.slowdown', (1, 0), 'factors of more than 0, one per replica'),
  ('cluster.slowdown', (1, 'x'), 'factors of more than 0, one per replica'),
  ('cluster.slowdown', (1, 1, 4), 'one factor per replica: 2, not 3'),
  ('cluster.latency_seconds', -1.0, 'at least 0 seconds'),
  ('downpour.n_fetch', 0, 'at least 1 step; the paper uses 1'),
  ('downpour.n_push', -3, 'at least 1 step; the paper uses 1'),
  ('downpour.learning_rate', -0.1, 'at least 0'),
  ('downpour.window_steps', 0, 'at least 1 step'),
  ('downpour.warmstart_steps', -1, 'at least 0 steps'),
  ('downpour.warmstart_steps', 987654, 'at most config.num_steps ('),
  ('downpour.warmstart_optimizer', 'SGD', 'one of server, sgd'),
  ('downpour.warmstart_learning_rate', 0.0, 'more than 0'),
  ('server.optimizer', 'adagard', "did you mean 'adagrad'?"),
  ('server.learning_rate', 0.0, 'more than 0'),
  ('server.learning_rate', math.inf, 'more than 0'),
  ('server.momentum', 1.0, 'between -1 and 1'),
  ('synchronous.learning_rate', 0.0, 'more than 0'),
  ('synchronous.backup_workers', -1, 'at least 0 replicas'),
  ('simulation.compute_seconds', 0.0, 'more than 0 seconds'),
  ('simulation.flops_per_second', 0.0, 'more than 0 flops per second'),
  ('simulation.charged_parameters', 0, 'at least 1 parameter'),
  ('simulation.replica_bandwidth', -1.0, 'more than 0 bytes per second'),
  ('simulation.shard_bandwidth', 0.0, 'more than 0 bytes per second'),
  ('simulation.update_seconds', -0.1, 'at least 0 seconds'),
  ('simulation.window_seconds', -0.1, 'at least 0 seconds'),
  ('simulation.straggler_every_seconds', -1.0, 'at least 0 seconds'),
  ('simulation.straggler_seconds', 0.0, 'more than 0 seconds'),
  ('simulation.straggler_factor', 0.0, 'more than 0'),
  ('simulation.life_seconds', 0.0, 'more than 0 seconds'),
  ('simulation.restart_seconds', -1.0, 'at least 0 seconds'),
  ('telemetry.seconds', 0.0, 'more than 0 seconds'),
  ('telemetry.swarm_seconds', -1.0, 'at least 0 seconds'),
]


@pytest.mark.parametrize(('name', 'value', 'remedy'), BAD)
def test_a_bad_value_is_one_line_of_field_value_and_remedy(name, value, remedy):
  with pytest.raises(errors.ConfigError) as caught:
    config_lib.check(changed(**{name: value}))
  message = str(caught.value)
  assert message.startswith(f'config.{name} ({value!r}) ')
  assert remedy in message and '\n' not in message
  assert caught.value.field == f'config.{name}'
  assert caught.value.status == 2


def test_every_field_that_can_be_bad_has_been_so_here():
  # Left out: True or False, and what only Keras knows.
  free = {f.name for f in config_lib.FIELDS if isinstance(f.default, bool)} | {
    'model.loss'
  }
  assert {name for name, *_ in BAD} == {f.name for f in config_lib.FIELDS} - free


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('seed', 2**31 - 1),
    ('target_accuracy', 1.0),
    ('model.hidden_units', ()),
    ('model.name', 'package.module:build'),
    ('model.name', 'some/where/mine.py:build'),
    ('model.name', 'mine.keras'),
    ('data.name', 'mine:examples'),
    ('cluster.slowdown', (1, 4.5)),
    ('downpour.learning_rate', 0.0),
    ('downpour.warmstart_steps', config_lib.default_config().num_steps),
    ('server.momentum', -0.5),
    ('checkpoint_seconds', 30),
  ],
)
def test_values_at_the_edge_pass(name, value):
  config_lib.check(changed(**{'cluster.step_seconds': 0.1, name: value}))


def test_a_slowdown_of_steps_that_are_not_padded_is_refused():
  with pytest.raises(errors.ConfigError, match=r'set config\.cluster\.step_seconds'):
    config_lib.check(changed(**{'cluster.slowdown': (1, 4)}))
  config_lib.check(changed(**{'cluster.slowdown': (1, 4)}), 'virtual')


@pytest.mark.parametrize(
  ('name', 'value', 'remedy'),
  [
    ('num_steps', '1000', 'must be a whole number'),
    ('num_steps', 1.5, 'must be a whole number'),
    ('num_steps', True, 'must be a whole number'),
    ('num_steps', None, 'must be a whole number'),
    ('server.learning_rate', '0.1', 'must be a number'),
    ('target_accuracy', '0.1', 'must be a number'),
    ('downpour.overlap', 'yes', 'must be True or False'),
    ('model.name', 7, 'must be a word'),
    ('model.hidden_units', 256, 'must be a tuple'),
  ],
)
def test_a_value_of_the_wrong_type_is_refused(name, value, remedy):
  config = config_lib.default_config()
  *rooms, last = name.split('.')
  room = config[rooms[0]] if rooms else config
  with room.ignore_type():
    room[last] = value
  with pytest.raises(errors.ConfigError, match=rf'^config\.{name}.* {remedy}$'):
    config_lib.check(config)


def test_a_field_that_is_missing_is_named():
  config = config_lib.default_config()
  with config.unlocked():
    del config.downpour['n_push']
  with pytest.raises(errors.ConfigError, match=r'^config\.downpour\.n_push is missing'):
    config_lib.check(config)


def test_counts_that_are_not_known_yet_refuse_no_slowdown():
  config_lib.check_fields(changed(**{'cluster.slowdown': (1, 1, 1, 4)}))


@pytest.mark.parametrize(
  ('name', 'meant'),
  [
    ('downpour.n_fech', 'downpour.n_fetch'),
    ('config.downpour.n_fech', 'downpour.n_fetch'),
    ('n_push', 'downpour.n_push'),
    ('numsteps', 'num_steps'),
    ('batchsize', 'data.batch_size'),
  ],
)
def test_a_misspelt_field_gets_a_suggestion(name, meant):
  assert config_lib.suggestion(name) == f'; did you mean config.{meant}?'


def test_a_name_like_no_other_gets_none():
  assert config_lib.suggestion('zzzzzz') == ''


def test_fields_cannot_be_changed_by_accident():
  with pytest.raises(dataclasses.FrozenInstanceError):
    config_lib.FIELDS[0].default = 3


def test_an_unknown_clock_is_refused():
  with pytest.raises(errors.UserError, match=r"'virtul'.* choose cluster or virtual"):
    config_lib.check(config_lib.default_config(), 'virtul')
