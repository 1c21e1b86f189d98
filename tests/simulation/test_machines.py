import itertools

import numpy as np
import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.sampling import step_times
from distbelief.simulation.machines import Machines
from tests.simulation.simulated import config_of


@pytest.mark.parametrize(
  'kind', ['constant', 'gamma', 'lognormal', 'exponential', 'pareto']
)
def test_steps_are_padded_as_on_a_cluster(kind):
  fields = {'cluster.step_distribution': kind, 'cluster.slowdown': (1, 1, 1, 4)}
  config = config_of(**fields)
  machines = Machines(config, 0.0)
  for replica, step in [(0, 0), (3, 63), (3, 64), (1, 200), (1, 5)]:
    expected = step_times.sample_seconds(
      config.cluster,
      config.seed,
      tf.constant(replica, tf.int64),
      tf.constant(step, tf.int64),
    )
    found = machines.step_seconds(replica, step, 0.0)
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_padding_hides_computing_and_computing_what_is_shorter():
  config = config_of(**{'cluster.step_distribution': 'constant'})
  assert Machines(config, 0.03).step_seconds(0, 0, 0.0) == pytest.approx(0.1)
  assert Machines(config, 0.3).step_seconds(0, 0, 0.0) == pytest.approx(0.3)


def test_without_padding_computing_varies():
  config = config_of(**{'cluster.step_seconds': 0.0})
  machines = Machines(config, 0.03)
  times = [machines.step_seconds(0, step, 0.0) for step in range(200)]
  assert np.mean(times) == pytest.approx(0.03, rel=0.05)
  assert 0.1 < np.std(times) / np.mean(times) < 0.2


def machines_of_stragglers():
  config = config_of(
    **{
      'cluster.step_distribution': 'constant',
      'simulation.straggler_every_seconds': 30.0,
      'simulation.straggler_seconds': 10.0,
      'simulation.straggler_factor': 5.0,
    }
  )
  return Machines(config, 0.0)


def test_stragglers_come_and_go():
  machines = machines_of_stragglers()
  at = np.arange(0, 20_000, 1.0)
  slow = np.array([machines.step_seconds(2, 0, now) for now in at]) > 0.2
  assert slow.mean() == pytest.approx(10 / 40, abs=0.05)
  changes = np.flatnonzero(np.diff(slow)).size
  assert changes == pytest.approx(2 * len(at) / 40, rel=0.15)
  # What is slow when is the same for a machine that is asked less often.
  again = machines_of_stragglers()
  seldom = np.array([again.step_seconds(2, 0, now) for now in at[::50]]) > 0.2
  np.testing.assert_array_equal(seldom, slow[::50])


def test_whether_a_machine_is_slow_hangs_on_the_time_alone():
  """Replicas that wait for one another ask for times that lie further ahead first."""
  times = np.arange(0.0, 100.0, 0.7)
  one, other = machines_of_stragglers(), machines_of_stragglers()
  forwards = [one.step_seconds(0, 0, now) for now in times]
  backwards = [other.step_seconds(0, 0, now) for now in times[::-1]]
  assert forwards == backwards[::-1] and len(set(forwards)) == 2


def test_a_straggler_s_computing_takes_longer_too():
  fields = {
    'simulation.straggler_every_seconds': 1e-9,
    'simulation.straggler_factor': 3.0,
  }
  fields |= {'simulation.straggler_seconds': 1e9, 'cluster.step_distribution': 'constant'}
  machines = Machines(config_of(**fields), 0.5)  # More than the padding.
  assert machines.step_seconds(0, 0, 100.0) == pytest.approx(1.5)


def test_lives_that_are_too_short_for_a_step_are_refused():
  with pytest.raises(errors.ConfigError, match=r'life_seconds \(0\.01\) is too short'):
    Machines(config_of(**{'simulation.life_seconds': 0.01}), 0.0)


def test_lives_end_at_the_rate_that_is_asked_for():
  machines = Machines(config_of(**{'simulation.life_seconds': 20.0}), 0.0)
  lives = list(itertools.islice(machines.lives(1), 2000))
  assert np.mean(lives) == pytest.approx(20, rel=0.1)
  assert lives != list(itertools.islice(machines.lives(2), 2000))
  assert list(Machines(config_of(), 0.0).lives(0)) == []
