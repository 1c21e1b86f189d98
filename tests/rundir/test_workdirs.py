"""A run's directory before the run."""

import json

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.rundir import workdirs


def config_with(**fields):
  config = config_lib.default_config()
  config.update_from_flattened_dict(fields)
  return config


@pytest.fixture
def workdir(tmp_path):
  return tmp_path / 'runs' / 'first'


def finish(workdir, steps):
  (workdir / 'summary.json').write_text(json.dumps({'steps': steps}))


def config_in(workdir):
  return config_lib.from_json((workdir / 'config.json').read_text())


def test_a_new_directory_is_made_with_its_config(workdir):
  config = config_with(seed=3)
  assert workdirs.prepare(config, workdir) is False
  assert config_lib.flatten(config_in(workdir)) == config_lib.flatten(config)
  assert [path.name for path in workdir.iterdir()] == ['config.json']


def test_the_same_config_resumes(workdir):
  assert workdirs.prepare(config_with(seed=3), workdir) is False
  (workdir / 'checkpoints').mkdir()
  assert workdirs.prepare(config_with(seed=3), workdir) is False


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('num_steps', 5000),
    ('num_steps', 10),
    ('checkpoint_seconds', 1.0),
    ('cluster.num_replicas', 7),
    ('cluster.num_parameter_servers', 3),
    ('cluster.slowdown', (1, 4)),
  ],
)
def test_what_may_differ_is_taken_over(workdir, name, value):
  workdirs.prepare(config_with(), workdir)
  assert workdirs.prepare(config_with(**{name: value}), workdir) is False
  assert config_lib.flatten(config_in(workdir))[name] == value


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('seed', 1),
    ('downpour.n_fetch', 2),
    ('model.hidden_units', (8,)),
    ('target_accuracy', 0.5),
  ],
)
def test_what_must_not_differ_is_refused_by_name(workdir, name, value):
  workdirs.prepare(config_with(), workdir)
  (workdir / 'steps').mkdir()
  before = (workdir / 'config.json').read_text()
  old = config_lib.flatten(config_with())[name]
  with pytest.raises(errors.ConfigError) as caught:
    workdirs.prepare(config_with(**{name: value}), workdir)
  message = str(caught.value)
  assert message.startswith(f'config.{name} ({value!r}) differs from the run in')
  assert str(workdir) in message and f'({old!r})' in message and '\n' not in message
  assert (workdir / 'config.json').read_text() == before


def test_a_config_with_which_nothing_was_done_may_be_mended(workdir):
  workdirs.prepare(config_with(seed=1), workdir)
  assert workdirs.prepare(config_with(seed=2), workdir) is False
  assert config_in(workdir).seed == 2


def test_two_launches_do_not_share_a_directory(workdir):
  with (
    workdirs.hold(workdir),
    pytest.raises(errors.UserError, match='in use by a run'),
  ):
    workdirs.hold(workdir)
  workdirs.hold(workdir).close()


def test_a_run_with_all_its_steps_is_finished(workdir):
  workdirs.prepare(config_with(num_steps=100), workdir)
  finish(workdir, 100)
  assert workdirs.prepare(config_with(num_steps=100), workdir) is True
  assert workdirs.prepare(config_with(num_steps=60), workdir) is True
  assert (workdir / 'summary.json').exists()
  assert config_in(workdir).num_steps == 100


def test_more_steps_open_a_finished_run_again(workdir):
  workdirs.prepare(config_with(num_steps=100), workdir)
  finish(workdir, 100)
  assert workdirs.prepare(config_with(num_steps=101), workdir) is False
  assert not (workdir / 'summary.json').exists()
  assert config_in(workdir).num_steps == 101


def test_replicas_that_cannot_go_on_together_leave_a_finished_run_as_it_is(workdir):
  fields = {'algorithm': 'synchronous', 'cluster.num_replicas': 3}
  workdirs.prepare(config_with(**fields, num_steps=90), workdir)
  finish(workdir, 90)
  fields['cluster.num_replicas'] = 4
  with pytest.raises(errors.ConfigError, match=r'\(4\) does not divide the 90 steps'):
    workdirs.prepare(config_with(**fields, num_steps=120), workdir)
  assert (workdir / 'summary.json').exists()
  assert config_in(workdir).cluster.num_replicas == 3
  fields['cluster.num_replicas'] = 2
  assert not workdirs.prepare(config_with(**fields, num_steps=120), workdir)


def test_another_config_is_refused_though_the_run_is_finished(workdir):
  workdirs.prepare(config_with(), workdir)
  finish(workdir, 987654)
  with pytest.raises(errors.ConfigError, match=r'config\.seed'):
    workdirs.prepare(config_with(seed=1), workdir)
  assert (workdir / 'summary.json').exists()


@pytest.mark.parametrize('text', ['', '{"steps": ', '[]', '{}', '{"steps": null}'])
def test_a_summary_that_says_nothing_finishes_nothing(workdir, text):
  workdirs.prepare(config_with(), workdir)
  (workdir / 'summary.json').write_text(text)
  assert workdirs.prepare(config_with(), workdir) is False


def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path):
  file = tmp_path / 'file'
  file.touch()
  for path in (file, file / 'below'):
    with pytest.raises(errors.UserError, match=r'^--workdir \(.*file.*choose another'):
      workdirs.prepare(config_with(), path)


def test_a_directory_that_cannot_be_written_is_refused():
  with pytest.raises(errors.UserError, match=r'^--workdir \(/proc/self\) cannot be'):
    workdirs.prepare(config_with(), workdirs.Path('/proc/self'))


@pytest.mark.parametrize('name', ['checkpoints', 'steps', 'summary.json'])
def test_a_run_that_has_lost_its_config_is_refused(workdir, name):
  workdir.mkdir(parents=True)
  (workdir / name).touch()
  with pytest.raises(errors.UserError, match=r'without its config\.json'):
    workdirs.prepare(config_with(), workdir)
  assert [path.name for path in workdir.iterdir()] == [name]


@pytest.mark.parametrize(
  'text',
  [
    '',
    '{"seed": 0',
    '[]',
    '3',
    '{"num_steps": "many"}',
    '{"downpour": 3}',
    '{"react": {"strict": true}}',
    '\udcff',
  ],
)
def test_another_programs_config_json_is_refused_and_kept(workdir, text):
  workdir.mkdir(parents=True)
  data = text.encode(errors='surrogateescape')
  (workdir / 'config.json').write_bytes(data)
  with pytest.raises(errors.UserError, match=r'config\.json that is no run') as caught:
    workdirs.prepare(config_with(), workdir)
  assert '\n' not in str(caught.value)
  assert (workdir / 'config.json').read_bytes() == data
