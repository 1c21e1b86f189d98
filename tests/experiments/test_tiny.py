"""Each experiment on the paper's claims at a tiny size: from the grid to the page."""

import csv
import json
import math
import shlex

import pytest
import tensorflow_datasets as tfds

from distbelief import errors
from distbelief import run as run_lib
from distbelief.analysis.run import Run
from distbelief.command_line import reproduce
from distbelief.data.synthetic_speech import SyntheticSpeech
from distbelief.experiments import (
  batch,
  catalog,
  figure4,
  staleness_causes,
  verdicts,
  warmstart,
)
from tests import runs


@pytest.fixture(autouse=True, scope='module')
def one_table_for_all_runs():
  """Speech is synthesised once: that takes as long as a tiny run."""
  of_data, tables = SyntheticSpeech.table, {}

  def table(self, split, first=0, stride=1):
    key = (self.seed, self.num_utterances, split, int(first), int(stride))
    if key not in tables:
      tables[key] = of_data(self, split, first, stride)
    return tables[key]

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(SyntheticSpeech, 'table', table)
    yield


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
  """Runs one after the other: starting processes takes longer (test_batch.py does)."""

  def complete(missing, *unused):
    for case, config, folder in missing:
      run_lib.launch(config, str(folder), command=case.command(folder), clock='virtual')

  monkeypatch.setattr(batch, '_complete', complete)


def run(call, folder, name, *options):
  """Returns (JSON, rows of the CSV, page, screen)."""
  output = folder / name / f'{name}.json'
  words = [f'--option={option}' for option in options]
  status, out, err = call(
    reproduce.main,
    *(f'--experiment={name}', '--quick', f'--workdir={folder / "runs"}'),
    *(f'--output={output}', *words),
  )
  assert status == errors.DONE, err
  found, page = json.loads(output.read_text()), (output.parent / 'README.md').read_text()
  for judged in found['verdicts']:
    assert judged['rule'] == verdicts.rules()[judged['claim']].hash
    assert f'`{judged["rule"]}`' in page and f'**{judged["verdict"]}**' in page
  command = [f'--experiment={name}', '--quick', *words]
  assert f'    distbelief reproduce {shlex.join(command)}\n' in page
  assert output.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
  table = output.with_suffix('.csv')
  rows = list(csv.DictReader(table.open())) if table.exists() else []
  return found, rows, page, out


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_figures_of_the_paper_share_their_runs(tmp_path, call):
  few = 'num_steps=80'
  found, rows, page, out = run(call, tmp_path, 'figure4', few)
  assert [judged['verdict'] for judged in found['verdicts']] == 3 * ['not valid']
  assert 'one seed' in out and found['trained']
  assert {row['method'] for row in rows} == set(figure4.METHODS)
  assert min(float(row['seconds']) for row in rows) < 0
  assert '4 runs' in page and '| Downpour, 200 replicas, Adagrad ' in page
  found, rows, page, out = run(call, tmp_path, 'figure5', few, 'replicas=(20, 200)')
  assert [judged['claim'] for judged in found['verdicts']] == ['C10']
  assert {'fixed_200', 'adagrad_20'} <= {row['method'] for row in rows}
  names = [path.name for path in (tmp_path / 'runs' / 'quick').iterdir()]
  assert len(names) == 5  # Four of figure 4, and one more.
  found, rows, page, out = run(
    call, tmp_path, 'adagrad_replicas', few, 'replicas=(20, 200)'
  )
  assert [judged['claim'] for judged in found['verdicts']] == ['C6']
  assert len(list((tmp_path / 'runs' / 'quick').iterdir())) == 5


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
  ('name', 'options'),
  [
    ('gamma', ('num_steps=60', 'num_rates=1')),
    ('warmstart', ('num_steps=60', 'replicas=4')),
    ('n_fetch_n_push', ('num_steps=60', 'equal=(1,)')),
    ('swarm', ('num_steps=8', 'replicas=4')),
    ('staleness_effects', ('num_steps=120', 'depths=(2,)')),
  ],
)
def test_the_others(tmp_path, call, monkeypatch, name, options):
  monkeypatch.setattr(warmstart, 'PARTS', (0.0, 0.1))  # Fewer runs.
  found, rows, _, out = run(call, tmp_path, name, *options)
  assert out.splitlines()[0].startswith('| ')
  assert rows
  claims = {judged['claim'] for judged in found['verdicts']}
  assert claims == {n for n, r in verdicts.rules().items() if r.experiment == name}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_waiting_is_compared_with_not_waiting(tmp_path, call):
  options = ('num_steps=180', 'latencies=(0.0,)')
  found, rows, *_ = run(call, tmp_path, 'sync_vs_async', *options)
  claims = {judged['claim'] for judged in found['verdicts']}
  expected = {n for n, r in verdicts.rules().items() if r.experiment == 'sync_vs_async'}
  assert claims == expected
  assert {row['steps'] for row in rows} == {'90', '180'}
  assert not any(math.isnan(float(row['training_accuracy'])) for row in rows)
  waits = {name: waits for name, (waits,) in found['waiting'].items()}
  assert waits['async_heavy_0'] < 0.1 < waits['backup_heavy_0'] < waits['sync_heavy_0']
  stale = {n: method['mean_staleness'] for n, method in found['methods'].items()}
  assert stale['sync_light_0'] == stale['backup_heavy_0'] == [0]
  assert stale['async_light_0'] == [pytest.approx(9, abs=0.5)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_speech_where_it_is_there(tmp_path, call):
  if not tfds.builder('spoken_digit').is_prepared():
    pytest.skip(f'spoken_digit is not in {tfds.core.constants.DATA_DIR}')
  found, rows, page, _ = run(call, tmp_path, 'figure4_spoken_digit', 'num_steps=60')
  claims = {judged['claim'] for judged in found['verdicts']}
  assert claims == {'C4-speech', 'C5-speech', 'C8-speech'}
  assert {row['method'] for row in rows} == set(figure4.METHODS)
  assert '87,904' in page and '| Sandblaster L-BFGS ' in page
  (folder,) = (tmp_path / 'runs' / 'quick').glob('sgd_1-*')
  assert Run(folder).config.data.name == 'spoken_digit'


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_repeats_what_the_virtual_clock_has_tuned(tmp_path, call, monkeypatch):
  """With the virtual clock in the cluster's place, so that both come to the same."""

  def instead(cases, workdir, title, at_a_time):
    return batch.complete(cases, workdir, title)

  monkeypatch.setattr(batch, 'on_clusters', instead)
  found, rows, _, out = run(call, tmp_path, 'figure4_cluster', 'num_steps=70')
  assert found['methods'] == found['methods_on_the_virtual_clock']
  claims = {judged['claim'] for judged in found['verdicts']}
  assert claims == {'C4-cluster', 'C5-cluster', 'C8-cluster'}
  assert found['methods']['adagrad_4']['mean_staleness'] == [pytest.approx(3, abs=0.3)]
  clocks = [row['clock'] for row in rows]
  assert clocks.count('cluster') == clocks.count('virtual') > 0
  assert '| Sandblaster L-BFGS ' in out
  folders = {path.parent.name for path in (tmp_path / 'runs').rglob('*-seed-0')}
  assert folders == {'virtual', 'cluster'}


def test_costs_are_measured_and_a_model_says_the_rest(tmp_path):
  """In a process of its own, which may use all processors."""
  words = ['--experiment=figure3', '--quick', f'--workdir={tmp_path}']
  done = runs.python(runs.ROOT / 'scripts' / 'reproduce.py', *words)
  assert done.returncode == 0, done.stderr
  found = json.loads((tmp_path / 'quick' / 'figure3.json').read_text())
  assert [judged['verdict'] for judged in found['verdicts']] == 2 * ['modelled']
  here = found['costs']['measured here']
  assert here['flops_per_second'] > 1e8 and 0 <= here['message_seconds'] < 1
  assert found['speech'] == {
    'parameters': 41_777_152,
    'machines': 8,
    'speed_up': pytest.approx(2.3, abs=0.05),
  }
  assert '**modelled**' in (tmp_path / 'quick' / 'figure3.md').read_text()


@pytest.mark.cluster
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
  ('name', 'options'),
  [
    ('shard_skew', ('num_steps=60',)),
    ('faults', ('num_steps=300',)),
    ('staleness_causes', ('steps_per_replica=10',)),
  ],
)
def test_those_on_real_clusters(tmp_path, call, monkeypatch, name, options):
  monkeypatch.setattr(staleness_causes, 'LATENCIES', (0.0, 3.0))
  monkeypatch.setattr(staleness_causes, 'DURATIONS', (0.1, 1.0))
  found, rows, page, _ = run(call, tmp_path, name, *options)
  assert rows and 'Intervals are 95 % bootstrap intervals' in page
  if name == 'faults':
    (downpour,), (other,) = found['cases'].values()
    assert downpour['exit_status'] == 0 != other['exit_status']
    assert downpour['updates_per_second_meanwhile'] > 0
    assert other['longest_gap_seconds'] > downpour['longest_gap_seconds']


def test_every_rule_names_an_experiment_that_is_there():
  for rule in verdicts.rules().values():
    assert not rule.experiment or rule.experiment in catalog.names(), rule.claim
