"""A run says at its start where its replay cannot have the same bits."""

import itertools

import numpy as np
import pytest

from distbelief.models.objective import Objective
from distbelief.problem import preflight, rounding
from distbelief.telemetry import numerics
from tests.simulation import simulated


def test_a_gradient_that_is_the_same_each_time_needs_no_word():
  gradient = [np.ones(3, np.float32), np.array(2.0)]
  assert rounding.note(rounding.difference(gradient, lambda: gradient)) == ''


@pytest.mark.parametrize('size', [1.0, 1e-18])
def test_a_gradient_in_another_order_each_time_is_told_with_its_size(size):
  calls = itertools.count(1)

  def again():
    return [np.full([4], size * (1 + 1e-3 * next(calls)), np.float32)]

  told = rounding.note(rounding.difference([np.full([4], size, np.float32)], again))
  assert told.startswith("note: TensorFlow rounds this model's gradient differently each")
  assert '(by 2e-03, relative)' in told and '\n' not in told


def test_the_preflight_tells_it(monkeypatch):
  exact, calls = Objective.gradient, itertools.count()

  def rounded(self, *args):
    found = exact(self, *args)
    scale = 1 + 1e-6 * next(calls)
    return found._replace(gradient=[scale * part for part in found.gradient])

  fields = {'model.name': 'tests.users:network', 'data.name': 'tests.users:examples'}
  config = simulated.config_of(**fields)
  lines = []
  preflight.run(config, lines.append)
  assert not [line for line in lines if 'differently' in line]
  monkeypatch.setattr(Objective, 'gradient', rounded)
  preflight.run(config, lines.append)
  (told,) = [line for line in lines if 'differently' in line]
  config.telemetry.records = False  # There is no replay.
  preflight.run(config, lines.append)
  assert [line for line in lines if 'differently' in line] == [told]


HERE = numerics.Numerics.here(2)


@pytest.mark.parametrize(
  ('found', 'told'),
  [
    ([], ''),
    ([HERE], ''),
    ([HERE._replace(gpu=True)], 'GPUs may compute the gradients'),
    ([HERE, HERE._replace(processor='Another')], 'do not round alike (Another against'),
    ([HERE, HERE._replace(threads=3)], '3 against 2 threads an operation'),
  ],
)
def test_tasks_that_cannot_be_followed(found, told):
  note = numerics.note(found)
  assert told in note and bool(note) == bool(told)
  if told:
    assert note.endswith('allows parameters to differ by 0.0001, relative')


def test_what_a_task_announces_is_what_a_launch_keeps(tmp_path):
  numerics.announce(tmp_path, 'worker', 0, threads=2)
  numerics.announce(tmp_path, 'worker', 1, threads=2, gpu=True)
  numerics.keep(tmp_path, 0, 'worker', 2)
  found = numerics.of_launch(tmp_path, 0)
  assert found == [HERE, HERE._replace(gpu=True)]
  assert 'a GPU against none' in found[1].difference(found[0])


def test_a_launch_tells_it(tmp_path, monkeypatch):
  monkeypatch.setattr(numerics, 'of_launch', lambda *unused: [HERE._replace(gpu=True)])
  screen = simulated.screen_of(tmp_path / 'run', num_steps=8)
  assert 'note: GPUs may compute the gradients' in screen
