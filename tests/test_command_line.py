"""scripts/train.py up to where a cluster would start: errors of one line each."""

import functools
import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tomllib

import pytest

import distbelief
from distbelief import config as config_lib
from distbelief import errors, run
from distbelief.command_line import main as console
from distbelief.command_line import train as training
from distbelief.rundir import workdirs
from tests import users

ROOT = pathlib.Path(__file__).parents[1]
CONFIG = f'--config={ROOT / "configs" / "quickstart.py"}'


@pytest.fixture
def workdir(tmp_path):
  return tmp_path / 'run'


@pytest.fixture
def train(monkeypatch, call):
  """Calls the program; returns (status, stdout, stderr)."""
  monkeypatch.delenv('TF_CONFIG', raising=False)
  monkeypatch.setattr('distbelief.cluster.launch.local.launch', _no_launch)
  return functools.partial(call, training.main)


def _no_launch(*unused_args):
  raise AssertionError('a cluster would have been started')


def is_one_error(result, *fragments):
  status, out, err = result
  assert (status, out) == (errors.BAD_INPUT, '')
  assert re.fullmatch(r'error: [^\n]+\n', err), err
  for fragment in fragments:
    assert fragment in err
  return True


FIELDS = [
  ('downpour.n_fetch', '0', ['(0) must be at least 1', 'the paper uses 1']),
  ('cluster.num_replicas', '0', ['(0) must be at least 1 replica']),
  ('model.name', 'resnet', ["('resnet')", 'acoustic']),
  ('data.name', 'spoken_digits', ["did you mean 'spoken_digit'?"]),
  ('server.optimizer', 'adam', ["('adam')", 'adagrad, momentum, sgd']),
  ('algorithm', 'downpore', ["('downpore')", "did you mean 'downpour'?"]),
  ('num_steps', 'many', ["('many') must be a whole number"]),
  ('num_steps', '1.5', ["('1.5') must be a whole number"]),
  ('cluster.num_replicas', 'x', ["('x') must be a whole number"]),
  ('server.learning_rate', '0,1', ["('0,1') must be a number"]),
  ('server.learning_rate', 'nan', ['(nan) must be more than 0']),
  ('target_accuracy', 'good', ["('good') must be a number"]),
  ('downpour.overlap', 'perhaps', ["('perhaps') must be True or False"]),
  ('model.hidden_units', '(1.5,)', ['((1.5,)) must be a tuple of layer widths']),
  ('cluster.slowdown', '(1, 4)', ['((1, 4)) must have one factor per replica']),
  ('downpour.warmstart_steps', '987654', ['(987654) must be at most config.num_steps']),
]


@pytest.mark.parametrize(('name', 'value', 'fragments'), FIELDS)
def test_a_bad_field_is_named_with_its_value(train, workdir, name, value, fragments):
  result = train(CONFIG, f'--workdir={workdir}', f'--config.{name}={value}')
  assert is_one_error(result, f'error: config.{name} (', *fragments)
  assert not workdir.exists()


@pytest.mark.parametrize('flag', ['--config.downpour.n_fech=2', '--config.n_fech=2'])
def test_a_misspelt_field_on_the_command_line_gets_a_suggestion(train, workdir, flag):
  result = train(CONFIG, f'--workdir={workdir}', flag)
  assert is_one_error(result, 'is no field', 'did you mean config.downpour.n_fetch?')
  assert not workdir.exists()


@pytest.mark.parametrize(
  ('body', 'fragments'),
  [
    ('config.downpour.n_fech = 2', ["'n_fech'", 'did you mean config.downpour.n_fetch?']),
    ('config.num_stepz = 2', ["'num_stepz'", 'did you mean config.num_steps?']),
    ('config.num_steps = "many"', ['TypeError', 'num_steps']),
    ('config.num_steps = 0', ['config.num_steps (0) must be at least 1']),
    ('raise RuntimeError("one\\ntwo")', ['RuntimeError: one']),
    ('return None', ['no ConfigDict', 'distbelief.default_config()']),
    ('return [config]', ['no ConfigDict', 'distbelief.default_config()']),
    ('config = config.copy_and_resolve_references().unlock(); config.mine = 1', ['mine']),
    ('config.(', ['SyntaxError']),
  ],
)
def test_a_bad_config_file_is_one_line(train, tmp_path, workdir, body, fragments):
  path = tmp_path / 'bad.py'
  path.write_text(
    'import distbelief\n'
    'def get_config():\n'
    '  config = distbelief.default_config()\n'
    f'  {body}\n'
    '  return config\n'
  )
  assert is_one_error(train(f'--config={path}', f'--workdir={workdir}'), *fragments)
  assert not workdir.exists()


@pytest.mark.parametrize(
  ('words', 'fragments'),
  [
    ([], ['--config is missing', 'configs/quickstart.py']),
    (['--config='], ['--config is missing']),
    (['--config'], ['Missing value for flag --config']),
    (['--config=/nowhere/x.py'], ['--config (/nowhere/x.py) is no file', 'configs/']),
    (['--config', '/nowhere/x.py'], ['--config (/nowhere/x.py) is no file']),
    (['--config=/'], ['--config (/) is no file']),
    (
      [CONFIG, 'num_steps=3'],
      ["'num_steps=3' is not understood", '--config.FIELD=VALUE'],
    ),
    ([CONFIG, '--num_steps=3'], ['--num_steps is unknown: see --help']),
    (
      [CONFIG, '--print_confg'],
      ['--print_confg is unknown: did you mean --print_config?'],
    ),
    ([CONFIG, '--clock=sundial'], ['--clock (sundial) must be one of cluster, virtual']),
    ([CONFIG, '--config.num_steps'], ['--config.num_steps']),
  ],
)
def test_words_that_cannot_be_are_one_line(train, workdir, words, fragments):
  assert is_one_error(train(f'--workdir={workdir}', *words), *fragments)
  assert not workdir.exists()


@pytest.mark.parametrize('words', [[], ['--workdir=']])
def test_a_missing_workdir_is_one_line(train, words):
  assert is_one_error(train(CONFIG, *words), '--workdir is missing')


def test_a_workdir_that_cannot_be_is_one_line(train, workdir):
  workdir.touch()
  assert is_one_error(train(CONFIG, f'--workdir={workdir}'), f'--workdir ({workdir})')


@pytest.mark.parametrize('text', ['{"cluster"', 'worker', '[]', '3', '{}'])
def test_a_tf_config_that_is_none_is_one_line(train, workdir, monkeypatch, text):
  monkeypatch.setenv('TF_CONFIG', text)
  assert is_one_error(train(CONFIG, f'--workdir={workdir}'), 'TF_CONFIG')
  assert not workdir.exists()


def test_under_tf_config_fields_are_checked_as_well(train, workdir, monkeypatch):
  monkeypatch.setenv('TF_CONFIG', '{"cluster": {}, "task": {}}')
  result = train(CONFIG, f'--workdir={workdir}', '--config.num_steps=0')
  assert is_one_error(result, 'config.num_steps (0)')


@pytest.mark.parametrize('workdir_words', [[], ['--workdir=somewhere']])
def test_print_config_prints_every_field_and_makes_nothing(
  train, tmp_path, monkeypatch, workdir_words
):
  monkeypatch.chdir(tmp_path)
  status, out, err = train(
    CONFIG, '--print_config', '--config.downpour.n_push=7', *workdir_words
  )
  assert (status, err) == (errors.DONE, '')
  lines = out.splitlines()
  assert len(lines) == len(config_lib.FIELDS)
  for line, field in zip(lines, config_lib.FIELDS):
    assert line.startswith(f'config.{field.name} = ') and line.endswith(field.comment)
  assert any(line.startswith('config.downpour.n_push = 7 ') for line in lines)
  assert list(tmp_path.iterdir()) == []


def test_print_config_allows_what_its_clock_does(train):
  fields = ('--config.algorithm=synchronous', '--config.synchronous.backup_workers=1')
  words = (CONFIG, '--print_config', *fields, '--config.num_steps=600')
  status, _, err = train(*words, '--clock=virtual')
  assert (status, err) == (errors.DONE, '')
  assert is_one_error(train(*words), '--clock=virtual')


def test_print_config_refuses_what_a_run_would(train):
  result = train(CONFIG, '--print_config', '--config.num_steps=0')
  assert is_one_error(result, 'config.num_steps (0)')


def test_help_names_the_flags(train):
  status, out, err = train('--help')
  assert (status, err) == (errors.DONE, '')
  for flag in ('--config', '--workdir', '--print_config', '--clock'):
    assert flag in out


def test_what_is_left_goes_to_the_launcher(train, workdir, monkeypatch):
  calls = []
  monkeypatch.setattr(
    run, 'launch', lambda *args, clock: calls.append((*args, clock)) or 7
  )
  words = ['--config.num_steps=12', '--noconfig.downpour.overlap', '--clock=virtual']
  status, _, err = train(CONFIG, f'--workdir={workdir}', *words)
  assert (status, err) == (7, '')
  ((config, directory, tf_config, clock),) = calls
  assert config.num_steps == 12 and config.downpour.overlap is False
  assert (directory, tf_config, clock) == (str(workdir), None, 'virtual')


def test_a_finished_run_says_so_and_starts_nothing(train, workdir):
  with pytest.raises(AssertionError, match='would have been started'):
    train(CONFIG, f'--workdir={workdir}')
  (workdir / 'summary.json').write_text('{"steps": 987654}')
  status, out, _ = train(CONFIG, f'--workdir={workdir}')
  assert status == errors.DONE
  assert 'has all of its' in out and out.count('\n') == 1


def program(*words):
  environ = {name: value for name, value in os.environ.items() if name != 'TF_CONFIG'}
  result = subprocess.run(
    [sys.executable, *words],
    capture_output=True,
    text=True,
    env=environ | {'PYTHONPATH': str(ROOT)},
  )
  return result.returncode, result.stdout, result.stderr


def script(*words):
  return program(ROOT / 'scripts' / 'train.py', *words)


def test_the_script_ends_with_the_status(workdir):
  words = [CONFIG, f'--workdir={workdir}', '--config.downpour.n_fetch=0']
  assert is_one_error(script(*words), 'config.downpour.n_fetch (0)')
  assert not workdir.exists()


def test_a_config_file_without_get_config_is_one_line(tmp_path, workdir):
  path = tmp_path / 'empty.py'
  path.touch()
  result = script(f'--config={path}', f'--workdir={workdir}')
  assert is_one_error(result, str(path), 'get_config')


@pytest.fixture
def finished(workdir):
  config = config_lib.default_config()
  config.num_steps = 1000
  workdirs.prepare(config, workdir)
  (workdir / 'summary.json').write_text('{"steps": 1000}')
  return config


def test_train_from_python_returns_the_summary(finished, workdir, capfd):
  assert distbelief.train(finished, workdir) == {'steps': 1000}
  out, err = capfd.readouterr()
  assert 'all of its 1000 steps' in out and err == ''


def test_train_from_python_refuses_before_it_starts_anything(finished, workdir):
  finished.seed = 1
  with pytest.raises(errors.ConfigError, match=r'^config\.seed \(1\) differs'):
    distbelief.train(finished, workdir)
  finished.num_steps = 0
  with pytest.raises(errors.ConfigError, match=r'^config\.num_steps \(0\)'):
    distbelief.train(finished, workdir)


def test_the_process_that_train_starts_ends_with_one_line(finished, workdir, tmp_path):
  finished.seed = 1
  path = tmp_path / 'other.json'
  order = {'config': finished.to_dict(), 'command': ['mine.py'], 'clock': 'cluster'}
  path.write_text(json.dumps(order))
  assert is_one_error(
    program('-m', 'distbelief._launched', path, workdir), 'config.seed (1)'
  )


def test_a_model_handed_over_is_saved_until_the_run_has_begun(workdir, monkeypatch):
  monkeypatch.setattr(run, '_run', lambda words: 1)

  def train(model):
    with pytest.raises(RuntimeError, match='ended with status 1'):
      distbelief.train(config_lib.default_config(), workdir, model, users.examples)
    return (workdir / 'given.keras').read_bytes()

  first = train(users.uncompiled())
  second = train(users.network())
  assert first != second
  (workdir / 'steps').mkdir()
  assert train(users.network()) == second
  with pytest.raises(errors.UserError, match='differs from that of the run in'):
    distbelief.train(
      config_lib.default_config(), workdir, users.uncompiled(), users.examples
    )
  assert sorted(path.name for path in workdir.iterdir()) == [
    'config.json',
    'given.keras',
    'steps',
  ]


def test_the_console_command_lists_its_commands(call):
  status, out, err = call(console.main, '--help')
  assert (status, err) == (errors.DONE, '')
  for name, summary in console.COMMANDS.items():
    assert re.search(rf'^  {name} +{re.escape(summary)}$', out, re.MULTILINE)
  assert max(map(len, out.splitlines())) <= 90


def test_the_console_command_says_its_version(call):
  assert call(console.main, '--version') == (
    errors.DONE,
    f'distbelief {distbelief.__version__}\n',
    '',
  )


def test_without_a_command_there_is_help_but_no_success(call):
  status, out, _ = call(console.main)
  assert status == errors.BAD_INPUT and out.startswith('usage: distbelief COMMAND')


@pytest.mark.parametrize(
  ('word', 'text'),
  [('trian', "'trian' is no command: did you mean train?"), ('x', 'choose of train, ')],
)
def test_a_command_that_is_none_is_one_line(call, word, text):
  assert is_one_error(call(console.main, word), text)


@pytest.mark.parametrize('name', console.COMMANDS)
def test_every_command_shows_its_flags_and_has_a_script(call, name):
  status, out, err = call(console.main, name, '--help')
  assert (status, err) == (errors.DONE, '')
  assert out.startswith(f'usage: distbelief {name} ') and '--' in out
  assert (ROOT / 'scripts' / f'{name}.py').is_file()


@pytest.mark.parametrize('name', [n for n in console.COMMANDS if n != 'compare'])
def test_every_command_refuses_words_that_are_none(call, name):
  config = [CONFIG] if name in ('train', 'evaluate') else []
  assert is_one_error(call(console.main, name, *config, 'more'), "'more' is not under")


def test_a_reader_that_has_seen_enough_is_no_error():
  words = [sys.executable, '-m', 'distbelief', 'train', '--print_config']
  words.append(CONFIG)
  reading, writing = os.pipe()
  os.close(reading)  # Before the first line is written.
  environ = os.environ | {'PYTHONPATH': str(ROOT)}
  result = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, env=environ)
  os.close(writing)
  assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, b'')


def test_a_usage_says_how_the_program_was_called(train, call):
  assert is_one_error(train(CONFIG), '--workdir is missing: python scripts/train.py --')
  found = call(console.main, 'train', CONFIG)
  assert is_one_error(found, '--workdir is missing: distbelief train --config=')


def test_the_console_command_trains(call, workdir, monkeypatch):
  commands = []
  monkeypatch.setattr(
    run, 'launch', lambda *unused, clock: commands.append((sys.argv, clock)) or 7
  )
  words = ['train', CONFIG, f'--workdir={workdir}', '--config.num_steps=12']
  assert call(console.main, *words) == (7, '', '')
  # What a run records of its origin can be repeated wherever distbelief is installed.
  assert commands == [(['distbelief', *words], 'cluster')]


def test_python_m_is_the_console_command():
  for words in (['--help'], ['--version'], ['train', '--help']):
    status, out, err = program('-m', 'distbelief', *words)
    assert (status, err) == (errors.DONE, '') and 'distbelief' in out
  assert is_one_error(program('-m', 'distbelief', 'trian'), 'did you mean train?')
  assert is_one_error(program('-m', 'distbelief', 'train'), '--config is missing')


def test_the_package_installs_the_console_command():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  module, _, name = project['scripts']['distbelief'].partition(':')
  assert getattr(importlib.import_module(module), name) is console.main


def test_the_launcher_imports_no_tensorflow(workdir):
  """Nor Keras or plots: all of it is time before the first process starts."""
  code = (
    'import sys, distbelief.cluster.launch.local\n'
    'from distbelief.command_line import main, train\n'
    'print(sorted({"tensorflow", "keras", "matplotlib", "jinja2"} & set(sys.modules)))'
  )
  assert program('-c', code) == (0, '[]\n', '')


@pytest.mark.parametrize(
  ('command', 'word', 'text'),
  [
    ('replay', '--until=abc', '--until (abc) must be a whole number'),
    ('rates', '--rate=abc', '--rate (abc) must be a number'),
    ('rates', '--algorithm=magic', '--algorithm (magic) must be one of downpour, sgd'),
    (
      'trace',
      '--most_events=0',
      '--most_events (0) must be a whole number of at least 1',
    ),
    ('reproduce', '--list=maybe', '--list (maybe) must be true or false'),
  ],
)
def test_a_flag_that_cannot_be_is_named_with_its_value_and_the_remedy(
  capfd, command, word, text
):
  module = importlib.import_module(f'distbelief.command_line.{command}')
  assert module.main([f'distbelief {command}', word]) == errors.BAD_INPUT
  (line,) = capfd.readouterr().err.splitlines()
  assert line.startswith(f'error: {text}')
