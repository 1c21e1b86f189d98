"""What experiments/asynchrony.py has, once and short, with bounds 3 times as wide."""

import contextlib
import os
import signal

import pytest
from tensorboard.backend.event_processing import event_accumulator

from distbelief import run as run_lib
from distbelief.analysis.run import Run
from distbelief.experiments import asynchrony
from distbelief.experiments import runs as experiment_runs
from distbelief.telemetry import snapshots
from tests import runs, warm


@pytest.mark.cluster
@pytest.mark.timeout(600)
@pytest.mark.alone
def test_what_is_seen_agrees_with_arithmetic(tmp_path, monkeypatch):
  monkeypatch.chdir(runs.ROOT)
  # So many that the windows of a few steps at a run's end are a small part of it.
  warm.instead_of_subprocess(monkeypatch, run_lib)
  cases, measure = asynchrony.CASES, asynchrony.measure
  (found,) = experiment_runs.repeat(
    asynchrony.CONFIG, cases, measure, tmp_path, 1, num_steps=360, at_a_time=2
  )
  for case, measured in found.items():
    if case == 'synchronous, one slow':
      assert measured.updates == [120]
    elif case != 'n = 3':
      assert measured.updates == [360, 360]
  runs.assert_hold(asynchrony.CLAIMS, found)


@pytest.mark.cluster
def test_a_run_killed_in_mid_flight_is_still_shown(tmp_path):
  """kill -9 of everything, then the trace and the page; then it resumes, and has all."""
  workdir = tmp_path / 'run'
  fields = {'num_steps': 4000, 'telemetry.swarm_seconds': 0.2, 'downpour.window_steps': 5}
  fields['telemetry.pictures'] = True
  with runs.running(workdir, **fields) as process:
    runs.eventually(lambda: len(snapshots.files(workdir)) >= 2)
    for pid in [*runs.tasks_of(process.pid).values(), process.pid]:
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
  run = Run(workdir)
  assert run.summary is None and len(run.records) and len(run.samples)
  for words in (f'trace.py --run={workdir}', f'report.py --runs={workdir}'):
    script, *flags = words.split()
    shown = runs.python(runs.ROOT / 'scripts' / script, *flags)
    assert shown.returncode == 0, shown.stderr
  assert 'not finished' in (tmp_path / 'report' / 'report.html').read_text()
  more = runs.num_records(workdir) + 400
  summary = runs.train(workdir, **{**fields, 'num_steps': more})
  assert summary['steps'] == more
  assert Run(workdir).missing() == []
  assert (workdir / 'swarm.npz').exists()
  assert all(row['updates'] for row in summary['shards'])
  tags = event_accumulator.EventAccumulator(str(workdir)).Reload().Tags()['tensors']
  assert {'pictures/timeline', 'pictures/staleness', 'pictures/swarm'} <= set(tags)


@pytest.mark.cluster
@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous', 'sgd'])
def test_a_run_may_do_without_records(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  fields = {'telemetry.records': False, 'telemetry.swarm_seconds': 0.0}
  summary = runs.train(workdir, algorithm=algorithm, **fields)
  assert summary['steps'] == 240 and summary['seconds'] > 0
  assert summary['holdout_accuracy'] > 0
  assert summary['staleness']['mean'] is None
  run = Run(workdir)
  assert len(run.records) == len(run.samples) == 0
  assert [row.steps for row in run.evaluations][-1] == 240
  assert (workdir / 'model.keras').exists() and not snapshots.files(workdir)
