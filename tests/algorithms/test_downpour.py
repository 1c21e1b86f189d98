"""The client's step, driven as the appendix has it, with a tape for a server."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.algorithms import downpour


def drive(steps, n_fetch, n_push, alpha=0.5):
  """Runs the appendix' loop on one parameter; returns (tape, params, accrued)."""
  tape = []
  params, accrued = None, [0.0]
  for step in range(steps):
    if downpour.fetch_due(step, n_fetch):
      tape.append('fetch')
      params = [100.0]
    gradient = [float(step + 1)]
    accrued = downpour.accrue(accrued, gradient)
    params = downpour.local_step(params, gradient, alpha)
    if downpour.push_due(step, n_push):
      tape.append(f'push {accrued[0]:g}')
      accrued = [0.0]
  return tape, params, accrued


@pytest.mark.parametrize(
  ('n_fetch', 'n_push', 'expected'),
  [
    (1, 1, 'fetch, push 1, fetch, push 2, fetch, push 3, fetch, push 4, fetch, push 5'),
    (2, 1, 'fetch, push 1, push 2, fetch, push 3, push 4, fetch, push 5'),
    (2, 2, 'fetch, push 1, fetch, push 5, fetch, push 9'),
    (5, 3, 'fetch, push 1, push 9'),
    (1, 9, 'fetch, push 1, fetch, fetch, fetch, fetch'),
  ],
)
def test_fetches_and_pushes_come_when_the_appendix_says(n_fetch, n_push, expected):
  tape, _, _ = drive(5, n_fetch, n_push)
  assert ', '.join(tape) == expected


@pytest.mark.parametrize('n_push', [1, 2, 3, 7])
def test_pushes_and_what_is_left_are_the_sum_of_all_gradients(n_push):
  tape, _, accrued = drive(12, 1, n_push)
  pushed = sum(float(event.split()[1]) for event in tape if event.startswith('push'))
  assert pushed + accrued[0] == sum(range(1, 13))


def test_local_steps_add_up_until_the_next_fetch():
  _, params, _ = drive(5, n_fetch=3, n_push=1)
  assert params == [100.0 - 0.5 * (4 + 5)]


def test_the_functions_work_in_a_graph():
  @tf.function
  def graph(step, params, gradient):
    stepped = downpour.local_step([params], [gradient], 0.5)
    accrued = downpour.accrue([params], [gradient])
    due = downpour.fetch_due(step, 3), downpour.push_due(step, 2)
    return stepped[0], accrued[0], due

  for step in range(7):
    stepped, accrued, due = graph(
      tf.constant(step, tf.int64), tf.constant([1.0, 2.0]), tf.constant([4.0, -2.0])
    )
    np.testing.assert_array_equal(stepped, [-1, 3])
    np.testing.assert_array_equal(accrued, [5, 0])
    assert [bool(d) for d in due] == [step in (0, 3, 6), step in (0, 2, 4, 6)]


def test_staleness_counts_the_updates_between_fetch_and_push():
  # Fetched at version 4; two others' updates came between; ours made version 7.
  assert downpour.staleness(7, 4) == 2
  assert downpour.staleness(np.array([1, 9]), np.array([0, 3])).tolist() == [0, 5]


def test_a_push_is_as_old_as_the_oldest_versions_of_its_steps():
  held = np.array([[4, 7], [5, 6], [9, 9], [1, 2]])
  assert downpour.oldest_versions(held).tolist() == [[1, 2]]
  assert downpour.oldest_versions(held, [0, 2, 3]).tolist() == [[4, 6], [9, 9], [1, 2]]


def test_options_are_those_of_the_config_and_stay():
  config = config_lib.default_config()
  config.downpour.update(n_fetch=3, n_push=2, learning_rate=0.25, overlap=True)
  options = downpour.DownpourOptions.from_config(config)
  assert (options.n_fetch, options.n_push, options.alpha) == (3, 2, 0.25)
  assert options.overlap and options.needs_local_steps
  assert not dataclasses.replace(options, n_fetch=1).needs_local_steps
  with pytest.raises(dataclasses.FrozenInstanceError):
    options.n_fetch = 1


def test_windows_shorten_towards_the_end_and_leave_nothing():
  left, windows = 100, []
  while left:
    windows.append(downpour.window_steps(left, 5))
    left -= windows[-1]
  assert windows[0] == 5 and windows[-19:] == [1] * 19
  assert windows == sorted(windows, reverse=True)
