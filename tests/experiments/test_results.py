"""What results say of where they came from."""

import json

from distbelief.experiments import results


def run(commit, started):
  git = {'commit': commit, 'clean': True}
  return {'git': git, 'host': 'a', 'started': started, 'command': ['train.py']}


def test_runs_of_other_code_are_told_apart(tmp_path):
  path = tmp_path / 'folder' / 'found.json'
  results.write(path, {'figure': 3}, [run('x', '2'), run('y', '3'), run('x', '1')])
  found = json.loads(path.read_text())
  assert found['figure'] == 3 and 'packages' in found['provenance']
  told = [
    (t['git']['commit'], t['runs'], t['first'], t['last']) for t in found['trained']
  ]
  assert told == [('x', 2, '1', '2'), ('y', 1, '3', '3')]


def test_without_runs_there_is_only_this_process(tmp_path):
  results.write(tmp_path / 'found.json', {})
  assert list(json.loads((tmp_path / 'found.json').read_text())) == ['provenance']
