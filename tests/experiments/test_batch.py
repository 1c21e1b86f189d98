"""Many runs side by side, each in a process of its own."""

import json
from pathlib import Path

import pytest

from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.experiments import batch, curves
from distbelief.experiments.batch import Case
from tests import runs
from tests.simulation import simulated

CONFIG = str(runs.ROOT / 'configs' / 'synthetic_speech.py')


def cases(**fields):
  """Two runs with different seeds."""
  own = simulated.SMALL | {'num_steps': 24, 'eval_steps': 12} | fields
  return [Case(f'seed-{seed}', CONFIG, own | {'seed': seed}) for seed in (0, 1)]


def test_what_is_missing_is_done_and_what_is_there_is_not_repeated(tmp_path, capfd):
  summaries = batch.complete(cases(), tmp_path, 'two runs')
  assert [summary['steps'] for summary in summaries] == [24, 24]
  first = json.loads((tmp_path / 'seed-0' / 'summary.json').read_text())
  assert summaries[0] == first != summaries[1]
  assert 'two runs: 100%' in capfd.readouterr().err
  # What a user would type for the same run, with one thread an operation.
  (launch,) = json.loads((tmp_path / 'seed-1' / 'steps' / '000.json').read_text())['of']
  assert launch['numerics']['threads'] == 1
  assert '--config.seed=1' in summaries[1]['provenance']['command']

  (tmp_path / 'seed-1' / 'summary.json').unlink()
  again = batch.complete(cases(), tmp_path, 'two runs')
  assert again[0] == first and again[1]['steps'] == 24
  screen = (tmp_path / 'seed-1' / 'logs' / 'screen.log').read_text()
  assert screen.count('24 steps of 16 examples') == 2
  assert batch.complete(cases(), tmp_path, 'two runs') == again


def test_a_run_that_fails_is_named_with_its_log(tmp_path, capfd):
  wrong = cases(**{'data.name': 'no_such_module:data'})
  with pytest.raises(errors.FailedRunError) as caught:
    batch.complete(wrong, tmp_path, 'two runs')
  # Whichever of the two is the first.
  _, found, log = str(caught.value).partition('ended with status 2: see ')
  assert found and Path(log).is_relative_to(tmp_path)
  assert 'error: config.data.name' in Path(log).read_text()


def test_two_runs_of_one_folder_are_refused(tmp_path):
  twice = [cases()[0], cases()[0]]
  with pytest.raises(ValueError, match='have one folder'):
    batch.complete(twice, tmp_path, 'two runs')


def test_a_run_of_another_config_is_not_taken_for_it(tmp_path):
  batch.complete(cases(), tmp_path, 'two runs', at_a_time=2)
  with pytest.raises(errors.UserError, match=r'another eval_steps, data\.batch_size'):
    batch.complete(cases(**{'eval_steps': 6, 'data.batch_size': 8}), tmp_path, 'again')


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_clusters_side_by_side_have_curves_from_the_end_of_the_warm_start(tmp_path):
  few = {
    'num_steps': 20,
    'eval_steps': 8,
    'cluster.num_replicas': 1,
    'cluster.step_seconds': 0.2,
    'downpour.warmstart_steps': 8,
  }
  batch.on_clusters(cases(**few), tmp_path, 'two clusters', at_a_time=2)
  first, second = (curves.of(Run(tmp_path / f'seed-{seed}')) for seed in (0, 1))
  for curve in (first, second):
    assert {0, 12} <= set(curve.steps)
    assert curve.seconds[curve.steps.index(0)] == 0
    assert curve.seconds[-1] > 0.9 * 12 * 0.2
    assert 0 < curve.start < 1 and curve.staleness == 0
  assert first.holdout != second.holdout
