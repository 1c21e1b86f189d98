"""The catalog of experiments, and the command that runs them."""

import inspect
import json
import pathlib

import pytest

from distbelief import errors
from distbelief.command_line import reproduce
from distbelief.experiments import catalog, experiment
from tests.runs import ROOT

ALL = [catalog.load(name) for name in catalog.names()]


def doubled(workdir, *, number=3, names=('a', 'b'), num_steps=None):
  """As if it were an experiment."""
  workdir.mkdir(parents=True)
  fields = {'twice': 2 * number, 'names': names, 'num_steps': num_steps}
  return experiment.Result(fields, 'a table', [{'host': 'x'}], {'': b'1', '-more': b'2'})


@pytest.fixture
def mine(monkeypatch):
  made = experiment.Experiment(
    'doubled', 'What?', 'None.', 1, 'paper_results/doubled.json', doubled, {'number': 1}
  )
  monkeypatch.setattr(catalog, 'names', lambda: ('doubled',))
  monkeypatch.setattr(catalog, 'load', lambda name: made)


@pytest.mark.parametrize('declared', ALL, ids=catalog.names())
def test_every_experiment_is_declared_in_full(declared):
  assert declared.name in catalog.names()
  assert declared.question.endswith('?') and declared.claims and declared.minutes > 0
  folder, name = pathlib.Path(declared.output).parts[:2]
  assert (folder, (ROOT / folder / name / 'README.md').is_file()) == (
    'paper_results',
    True,
  )
  first, *options = inspect.signature(declared.run).parameters.values()
  assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
  assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
  assert declared.quick and set(declared.quick) <= set(declared.options())


def test_the_results_that_are_there_name_experiments_that_are_there():
  text = (ROOT / 'paper_results' / 'README.md').read_text()
  for declared in ALL:
    assert f'`{declared.name}`' in text


def test_the_list_has_questions_claims_and_minutes(call):
  status, out, _ = call(reproduce.main, '--list')
  assert status == errors.DONE
  for declared in ALL:
    assert declared.name in out and f' {declared.minutes:g}\n' in out
    assert declared.question.split()[0] in out and declared.claims.split()[0] in out
  assert max(map(len, out.splitlines())) <= 110


def test_one_experiment_is_listed_with_its_options(call):
  _, out, _ = call(reproduce.main, '--list', '--experiment=font_digits')
  assert '  seeds = (0, 1, 2)\n' in out and 'asynchrony' not in out.split('options:')[1]


def test_a_result_is_written_with_its_pictures(tmp_path, call, mine):
  output = tmp_path / 'found' / 'doubled.json'
  status, out, _ = call(
    reproduce.main,
    *('--experiment=doubled', f'--workdir={tmp_path / "runs"}', f'--output={output}'),
    *('--option=number=5', '--option=names=("c",)', '--option=num_steps=7'),
  )
  assert status == errors.DONE and out == f'a table\n{output}: the result\n'
  found = json.loads(output.read_text())
  assert (found['twice'], found['names'], found['num_steps']) == (10, ['c'], 7)
  assert found['trained'][0]['host'] == 'x' and 'packages' in found['provenance']
  pictures = {path.name: path.read_bytes() for path in output.parent.glob('*.png')}
  assert pictures == {'doubled.png': b'1', 'doubled-more.png': b'2'}


def test_a_quick_result_is_not_taken_for_the_result(tmp_path, call, mine, monkeypatch):
  monkeypatch.chdir(tmp_path)
  call(reproduce.main, '--experiment=doubled', '--quick')
  file = pathlib.Path('runs/doubled/quick/doubled.json')
  assert json.loads(file.read_text())['twice'] == 2
  assert not (tmp_path / 'paper_results').exists()


@pytest.mark.parametrize(
  ('words', 'text'),
  [
    ([], '--experiment is missing: name one of '),
    (['--experiment=asynchronie'], 'did you mean asynchrony?'),
    (['--experiment=x'], 'choose of adagrad_replicas, '),
    (['--list', '--experiment=x'], 'choose of adagrad_replicas, '),
    (['--experiment=font_digits', '--option=seed=1'], 'did you mean seeds?'),
    (['--experiment=font_digits', '--option=x=1'], 'it has seeds, '),
    (['--experiment=font_digits', '--option=seeds'], 'write NAME=VALUE'),
    (['--experiment=font_digits', '--option=seeds=one'], 'the default is (0, 1, 2)'),
    (['--experiment=font_digits', '--option=seeds=()'], 'the default is (0, 1, 2)'),
    (['--experiment=font_digits', '--option=num_steps=x'], 'the default is None'),
    (['--experiment=asynchrony', '--option=repetitions=1.5'], 'the default is 5'),
    (['--experiment=asynchrony', '--option=repetitions=0'], 'the default is 5'),
  ],
)
def test_bad_input_is_one_line(call, words, text):
  status, out, err = call(reproduce.main, *words)
  assert (status, out) == (errors.BAD_INPUT, '')
  assert err.startswith('error: ') and text in err and err.count('\n') == 1
