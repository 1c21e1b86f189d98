"""Clocks that are apart, found from what must come before what."""

import numpy as np
import pytest

from distbelief.analysis import clocks
from tests.analysis import made_up_run


@pytest.fixture
def made():
  return made_up_run.downpour([0.1, 0.1, 0.2], 200, latency=0.004, num_shards=2)


def shifted(made, replica=None, shard=None, by=0.0):
  """The records had one task's clock been ahead."""
  made = made.copy()
  if replica is not None:
    own = made['replica'] == replica
    for name in made.dtype.names:
      if made[name].ndim == 1 and name.endswith(('_start', '_end')):
        made[name][own] += by
  if shard is not None:
    for name in ('applied_at', 'update_end'):
      made[name][:, shard] += by
  return made


def test_one_clock_is_left_as_it_is(made):
  found = clocks.offsets(made)
  assert not found.moved
  assert clocks.align(made, found) is made
  assert 'as recorded' in found.describe()


@pytest.mark.parametrize('by', [3600.0, -0.5])
def test_a_replica_ahead_or_behind_is_moved_to_the_shards_clock(made, by):
  found = clocks.offsets(shifted(made, replica=1, by=by))
  assert found.replicas[[0, 2]].tolist() == [0, 0] and not found.shards.any()
  # A push takes some 6 ms, of which it lies half a push's latency on either side.
  assert found.replicas[1] == pytest.approx(-by, abs=0.004)
  assert found.uncertainty < 0.004
  aligned = clocks.align(shifted(made, replica=1, by=by), found)
  np.testing.assert_allclose(aligned['compute_end'], made['compute_end'], atol=0.004)
  assert 'replica 1 by' in found.describe()


def test_a_shard_whose_clock_is_apart_is_moved_as_well(made):
  found = clocks.offsets(shifted(made, shard=1, by=7.0))
  assert not found.replicas.any()
  assert found.shards.tolist() == [0, pytest.approx(-7.0, abs=0.004)]


def test_shard_0_gives_the_time_even_if_it_is_the_one_that_is_off(made):
  found = clocks.offsets(shifted(made, shard=0, by=7.0))
  np.testing.assert_allclose(found.replicas, 7.0, atol=0.004)
  np.testing.assert_allclose(found.shards, [0, 7.0], atol=0.004)


def test_nothing_on_record_moves_nothing(made):
  assert not clocks.offsets(made[:0]).moved
