"""Clocks that are apart, found from what must come before what."""

import numpy as np
import pytest

from distbelief.analysis import clocks
from distbelief.analysis.run import Run
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


def test_a_clock_that_was_set_in_between_is_not_trusted(made):
  later = made.copy()
  half = (made['replica'] == 1) & (made['step'] > 20)
  for name in made.dtype.names:
    if made[name].ndim == 1 and name.endswith(('_start', '_end')):
      later[name][half] += 0.5
  found = clocks.offsets(later)
  assert not found.moved and found.contradictory == ('replica 1',)
  assert 'not aligned: replica 1' in found.describe()


def test_each_launch_has_clocks_of_its_own(tmp_path, made):
  workdir = made_up_run.write(tmp_path / 'run', made)
  first = workdir / 'steps' / '000.bin'
  second = first.with_name('001.bin')
  # Replica 1 moves to a machine whose clock is an hour ahead; a shard less.
  moved = shifted(made_up_run.downpour([0.1] * 3, 200, 0.004), replica=1, by=3600.0)
  other = made_up_run.write(tmp_path / 'other', moved)
  second.write_bytes((other / 'steps' / '000.bin').read_bytes())
  run = Run(workdir)
  assert len(run.records) == 400
  assert run.records['compute_end'].max() < made_up_run.ORIGIN + 60
  assert 'launch 0: the clocks agree' in run.describe_clocks()
  assert 'launch 1: times are moved' in run.describe_clocks()
