"""The end of a run: its pictures take a bounded time, and stop when they are told to."""

import time

import pytest

from distbelief import run as run_lib
from distbelief.analysis import swarm
from distbelief.models.objective import Objective
from distbelief.rundir import final_pictures
from tests import runs
from tests.simulation import simulated

SAMPLED = {
  'telemetry.swarm_seconds': 0.5,
  'telemetry.pictures': True,
  'eval_steps': 60,
  'num_steps': 240,
}


@pytest.fixture
def slow_loss(monkeypatch):
  """Each loss of the surface takes time; returns the times of all of them."""
  called, evaluate = [], Objective.evaluate

  def evaluate_slowly(self, params, statistics, minibatches):
    if isinstance(minibatches, list) and len(minibatches) == 1:  # The surface's.
      called.append(time.monotonic())
      time.sleep(0.002 * int(minibatches[0][0].shape[0]))
    return evaluate(self, params, statistics, minibatches)

  monkeypatch.setattr(Objective, 'evaluate', evaluate_slowly)
  return called


def test_the_surface_is_bounded_by_real_time_and_the_line_says_what_is_done(
  tmp_path, slow_loss
):
  """2 s for 1,024 examples, 0.13 s for 64: too long for 7 x 7 points of either."""
  screen = simulated.screen_of(tmp_path / 'run', **SAMPLED)
  assert 'drawing the pictures of the run' in screen
  assert 2 <= len(slow_loss) <= 4  # Only to measure.
  _, surface = swarm.load(tmp_path / 'run')
  assert surface is None


def test_a_quick_loss_has_its_surface(tmp_path, monkeypatch):
  monkeypatch.setattr(final_pictures, '_SECONDS', 60.0)  # On a busy machine, too.
  simulated.train(tmp_path / 'run', **SAMPLED)
  _, surface = swarm.load(tmp_path / 'run')
  assert surface is not None and surface.loss.shape[0] >= 7


def test_a_signal_leaves_the_pictures_out_and_the_summary_there(tmp_path, monkeypatch):
  signals = []
  save = swarm.save

  def save_and_signal(*words):
    signals.append(15)
    save(*words)

  monkeypatch.setattr(swarm, 'save', save_and_signal)
  monkeypatch.setattr(
    'distbelief.simulation.train_downpour.Downpour.train',
    _told_by(signals, 'distbelief.simulation.train_downpour'),
  )
  screen = simulated.screen_of(tmp_path / 'run', **SAMPLED)
  assert 'stopped: the run is complete but for its pictures' in screen
  assert (tmp_path / 'run' / 'summary.json').exists()
  config = runs.config_of(tmp_path / 'run')
  assert run_lib.launch(config, str(tmp_path / 'run'), clock='virtual') == 0


def _told_by(signals, module):
  train = __import__(module, fromlist=['Downpour']).Downpour.train
  return lambda self, is_stopped: train(self, lambda: bool(signals))
