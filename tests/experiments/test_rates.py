"""The grid of rates, and which is best."""

from distbelief import errors
from distbelief.algorithms import catalog
from distbelief.command_line import rates as command
from distbelief.experiments import rates, runs
from tests.runs import ROOT

ACCURACY = {('downpour', 0.1): 0.5, ('downpour', 0.2): 0.7, ('downpour', 0.4): 0.3}


def finish(config, workdir, changes, clock):
  """As if trained: synchronous is better the larger its rate."""
  algorithm = changes['algorithm']
  rate = changes[catalog.get(algorithm).learning_rate_fields[0]]
  accuracy = ACCURACY.get((algorithm, rate), rate) + 0.01 * changes['seed']
  summary = dict.fromkeys(('seconds', 'steps', 'updates', 'seconds_to_target'), 1)
  summary |= {'holdout_accuracy': accuracy, 'holdout_metrics': {'loss': 1 - accuracy}}
  return {**summary, 'provenance': {'folder': workdir.name}}


def test_the_best_rate_of_each_algorithm(tmp_path, monkeypatch):
  monkeypatch.setattr(runs, 'finish', finish)
  lines = []
  found, trained = rates.grid(
    'a.py', tmp_path, ['downpour', 'synchronous'], [0.1, 0.2, 0.4], [0, 1], lines.append
  )
  assert found['downpour']['best_rate'] == 0.2
  assert found['downpour']['field'] == 'config.server.learning_rate'
  assert not found['downpour']['at_the_end_of_the_grid']
  assert abs(found['downpour']['mean_holdout_accuracy_by_rate'][0.2] - 0.705) < 1e-9
  assert found['synchronous']['best_rate'] == 0.4
  assert found['synchronous']['field'] == 'config.synchronous.learning_rate'
  assert found['synchronous']['at_the_end_of_the_grid']
  assert len(lines) == len(trained) == 2 * 3 * 2
  assert len({run['folder'] for run in trained}) == 12
  assert rates.best(found).splitlines() == [
    'downpour: --config.server.learning_rate=0.2',
    'synchronous: --config.synchronous.learning_rate=0.4 (the end of the grid: try '
    'beyond)',
  ]


def test_without_an_accuracy_the_smallest_loss_is_best(tmp_path, monkeypatch):
  losses = {0.1: 2.0, 0.2: 0.5, 0.4: float('nan')}

  def finish_regression(config, workdir, changes, clock):
    summary = finish(config, workdir, changes, clock)
    loss = losses[changes['server.learning_rate']]
    return summary | {'holdout_accuracy': None, 'holdout_metrics': {'loss': loss}}

  monkeypatch.setattr(runs, 'finish', finish_regression)
  found, _ = rates.grid('a.py', tmp_path, ['downpour'], [0.1, 0.2, 0.4], [0], print)
  assert found['downpour']['best_rate'] == 0.2
  assert found['downpour']['mean_holdout_loss_by_rate'][0.1] == 2.0


def test_every_algorithm_is_checked_before_any_trains(tmp_path, monkeypatch, call):
  monkeypatch.setattr(runs, 'finish', None)
  words = ['--config=configs/synthetic_speech.py', f'--workdir={tmp_path}']
  words += ['--config.cluster.num_replicas=3', '--config.num_steps=1000']
  words += ['--algorithm=downpour', '--algorithm=synchronous']
  monkeypatch.chdir(ROOT)
  status, _, err = call(command.main, *words)
  assert status == errors.BAD_INPUT and 'config.num_steps (1000)' in err
