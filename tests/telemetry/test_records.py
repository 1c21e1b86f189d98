"""One record per step, joined from shards' logs and windows' results in any order."""

import numpy as np
import pytest

from distbelief.telemetry import records, steps
from tests.telemetry import old_format
from tests.telemetry.made_up import APPLIED, DROPPED, LOST, UNDONE, log, push, row

NO_PENDING = np.empty([0, 0])
NO_PUSHES = np.empty([0, 3])


@pytest.fixture
def workdir(tmp_path):
  return tmp_path


def start(workdir, launch=0, num_shards=1, num_replicas=2):
  path = workdir / 'steps' / f'{launch:03}.bin'
  return records.Recorder(path, num_shards, num_replicas, [4] * num_shards)


def pending(*rows):
  return np.array(rows, np.float64)


def test_a_log_makes_records_with_all_that_the_rows_say(workdir):
  recorder = start(workdir)
  recorder.add_log(0, log(1, push(0, 0, held=[0])))
  recorder.add_log(0, log(2, push(1, 2, held=[1], fresh=0)))
  found = records.read(workdir)
  assert found['step'].tolist() == [0, 1, 2]
  assert found['sequence'].tolist() == [0, 2, 2]
  assert found['pushed'].tolist() == [True, False, True]
  assert found['gradients'].tolist() == [1, 0, 2]
  assert found['fresh'].tolist() == [True, False, False]
  assert found['loss'].tolist() == [0.5, 1.5, 2.5]
  assert found['version_held'].tolist() == [[0], [1], [1]]
  assert found['version_applied'].tolist() == [[1], [2], [2]]
  assert found['applied_at'].tolist() == [[1001], [1002], [1002]]
  assert found['status'].tolist() == [[APPLIED]] * 3
  np.testing.assert_allclose(found['compute_end'], [0.8, 1.8, 2.8])
  assert np.isnan(found['push_end']).all()


def test_times_of_pushes_come_with_a_window_before_or_after_the_log(workdir):
  recorder = start(workdir)
  pushes = np.array([[0, 10, 11], [2, 12, 13]])
  recorder.add_log(0, log(1, push(0, 0)))
  recorder.add_window((0, 0), pushes, NO_PENDING)  # Knows more than the log yet.
  recorder.add_log(0, log(2, push(1, 2)))
  found = records.read(workdir)
  np.testing.assert_array_equal(found['push_start'], [10, np.nan, 12])
  np.testing.assert_array_equal(found['push_end'], [11, np.nan, 13])


def test_a_window_that_pushed_nothing_places_no_times(workdir):
  recorder = start(workdir)
  recorder.add_log(0, log(1, push(0, 0)))
  nothing = np.array([[0, np.nan, np.nan], [1, np.nan, np.nan]])  # No push was due.
  recorder.add_window((0, 0), nothing, NO_PENDING)
  assert np.isnan(records.read(workdir)['push_start']).all()


def test_what_no_shard_applied_is_lost_and_has_no_version(workdir):
  recorder = start(workdir, num_shards=2)
  recorder.add_window((1, 0), NO_PUSHES, pending(row(5, [3, 4], replica=1, pushed=0)))
  (found,) = records.read(workdir)
  assert found['step'] == 5 and found['replica'] == 1
  assert found['loss'] == 5.5
  assert found['status'].tolist() == [LOST, LOST]
  assert found['version_held'].tolist() == [3, 4]
  assert found['version_applied'].tolist() == [-1, -1]
  assert np.isnan(found['applied_at']).all()


def test_a_pending_step_is_filled_in_by_the_log_of_its_push(workdir):
  recorder = start(workdir)
  recorder.add_window((0, 0), NO_PUSHES, pending(row(1, sequence=2, pushed=0)))
  recorder.add_log(0, log(2, push(1, 2)))
  found = records.read(workdir)
  assert found['step'].tolist() == [1, 2]
  assert found['status'].tolist() == [[APPLIED]] * 2


def test_a_window_that_comes_after_the_log_takes_nothing_back(workdir):
  recorder = start(workdir)
  recorder.add_log(0, log(2, push(1, 2, loss=7.0)))
  late = pending(
    row(2, sequence=2, pushed=0, gradients=0, loss=0.0), row(3, pushed=0, loss=8.0)
  )
  recorder.add_window((0, 0), NO_PUSHES, late)
  found = records.read(workdir)
  assert found['step'].tolist() == [1, 2, 3]
  assert found['loss'].tolist() == [7, 7, 8]
  assert found['pushed'].tolist() == [False, True, False]
  assert found['status'].tolist() == [[APPLIED], [APPLIED], [LOST]]


def test_two_shards_fill_one_record(workdir):
  recorder = start(workdir, num_shards=2)
  first = push(0, 0, [0, 0])
  other = push(0, 0, [0, 0], replica=1)
  recorder.add_log(0, np.concatenate([log(1, first), log(2, other)]))
  recorder.add_log(1, np.concatenate([log(1, other), log(2, first)]))
  found = np.sort(records.read(workdir), order='replica')
  assert found['version_applied'].tolist() == [[1, 2], [2, 1]]
  assert found['applied_at'].tolist() == [[1001, 1002], [1002, 1001]]


def test_a_push_that_reached_one_shard_says_so_per_shard(workdir):
  recorder = start(workdir, num_shards=2)
  recorder.add_log(0, log(1, push(0, 0, [0, 0])))
  recorder.add_log(0, log(1, push(1, 1, [1, 0]), DROPPED))
  found = records.read(workdir)
  assert found['status'].tolist() == [[APPLIED, LOST], [DROPPED, LOST]]
  assert found['version_applied'].tolist() == [[1, -1], [1, -1]]


def test_incarnations_do_the_same_step_apart(workdir):
  recorder = start(workdir)
  recorder.add_window((0, 0), np.array([[4, 50, 51]]), pending(row(4, pushed=0)))
  recorder.add_log(0, log(1, push(4, 4, incarnation=1)))
  recorder.add_window((0, 1), np.array([[4, 60, 61]]), NO_PENDING)
  found = np.sort(records.read(workdir), order='incarnation')
  assert found['status'].tolist() == [[LOST], [APPLIED]]
  np.testing.assert_array_equal(found['push_start'], [np.nan, 60])


def test_records_are_on_disk_at_once_and_known_to_the_writer(workdir):
  recorder = start(workdir)
  assert len(recorder.records) == 0 and len(records.read(workdir)) == 0
  for step in range(500):
    recorder.add_log(0, log(step + 1, push(step, step)))
  np.testing.assert_array_equal(recorder.records['step'], range(500))
  np.testing.assert_array_equal(records.read(workdir)['step'], range(500))
  recorder.close()
  assert len(records.read(workdir)) == 500


def test_a_torn_end_is_cut(workdir):
  recorder = start(workdir)
  recorder.add_log(0, log(2, push(1, 2)))
  recorder.close()
  (path,) = records.files(workdir)
  whole = path.read_bytes()
  size = steps.record_dtype(1).itemsize
  for cut, left in ((1, 1), (size - 1, 1), (size, 1), (size + 1, 0), (2 * size, 0)):
    path.write_bytes(whole[:-cut])
    assert records.read(workdir)['step'].tolist() == [1, 2][:left]


def test_a_launch_never_overwrites_another(workdir):
  start(workdir).close()
  with pytest.raises(FileExistsError):
    start(workdir)


def test_a_file_says_how_it_was_made(workdir):
  start(workdir, num_shards=3, num_replicas=5)
  (path,) = records.files(workdir)
  header = records.header(path)
  assert (header['num_shards'], header['num_replicas']) == (3, 5)
  # Enough to be read without this package.
  dtype = np.dtype([tuple(map(_as_tuple, field)) for field in header['dtype']])
  assert dtype == steps.record_dtype(3)


def _as_tuple(part):
  return tuple(part) if isinstance(part, list) else part


def test_steps_are_told_in_the_order_in_which_they_ended(workdir):
  recorder = start(workdir)
  recorder.add_log(0, log(1, push(0, 0, replica=1, compute_end=5.0)))
  recorder.add_log(0, log(2, push(0, 0, replica=0, compute_end=3.0)))
  assert records.read(workdir)['compute_end'].tolist() == [3, 5]


def test_launches_are_read_one_after_the_other(workdir):
  for launch, step in ((1, 7), (0, 3)):
    recorder = start(workdir, launch)
    recorder.add_log(0, log(1, push(step, step)))
    recorder.close()
  assert records.read(workdir)['step'].tolist() == [3, 7]


def test_launches_may_differ_in_their_number_of_shards(workdir):
  narrow, wide = start(workdir, 0, num_shards=1), start(workdir, 1, num_shards=2)
  narrow.add_log(0, log(1, push(0, 0, [0])))
  for shard in range(2):
    wide.add_log(shard, log(2, push(1, 1, [1, 1])))
  found = records.read(workdir)
  assert found['status'].tolist() == [[APPLIED, LOST], [APPLIED, APPLIED]]
  assert found['version_applied'].tolist() == [[1, -1], [2, 2]]
  assert found['version_held'].tolist() == [[0, -1], [1, 1]]
  np.testing.assert_array_equal(found['applied_at'], [[1001, np.nan], [1002, 1002]])


def test_no_run_has_no_records(workdir):
  assert len(records.read(workdir)) == 0


def test_the_staleness_is_what_the_shard_logged(workdir):
  recorder = start(workdir, num_shards=2)
  logged = log(5, push(0, 0, held=[3, 0]))
  logged[:, steps.LOG_COLUMN['staleness']] = 7  # Whatever versions tell.
  recorder.add_log(0, logged)
  assert records.read(workdir)['staleness'].tolist() == [[7, -1]]
  recorder.add_log(1, log(2, push(0, 0, held=[3, 0]), DROPPED, shard=1))
  assert records.read(workdir)['staleness'].tolist() == [[7, -1]]


def of_format_2(workdir):
  """Two pushes at two shards, of which the second has two steps; as of long ago."""
  recorder = start(workdir, num_shards=2)
  for shard in range(2):
    recorder.add_log(shard, log(1, push(0, 0, held=[0, 0]), shard=shard))
    late = push(1, 2, held=[1, 1])
    late[1] = row(2, held=[3, 2], gradients=2)
    recorder.add_log(shard, log(5 - shard, late, shard=shard))
  recorder.add_window((0, 0), NO_PUSHES, pending(row(3, [5, 4], pushed=0)))
  recorder.close()
  before = records.read(workdir)
  old_format.rewrite(workdir / 'steps' / '000.bin')
  return before


def test_a_file_of_format_2_is_read_as_if_its_shards_had_logged_the_staleness(workdir):
  before = of_format_2(workdir)
  assert records.header(workdir / 'steps' / '000.bin')['format'] == 2
  found = records.read(workdir)
  assert found['staleness'].tolist() == [[0, 0], [3, 2], [3, 2], [-1, -1]]
  assert found.tobytes() == before.tobytes()


def test_a_run_of_format_2_goes_on_in_a_file_of_format_3(workdir):
  of_format_2(workdir)
  clients = np.array([[[0, 0, 1, 1], [-1, -1, 0, 0]]] * 2)
  assert records.mark_undone(workdir, 0, clients) == 2
  recorder = start(workdir, 1, num_shards=2)
  recorder.add_log(0, log(2, push(1, 1, held=[1, 1], incarnation=1)))
  recorder.close()
  found = np.sort(records.read(workdir), order=['incarnation', 'step'])
  assert found['status'][:, 0].tolist() == [APPLIED, UNDONE, UNDONE, LOST, APPLIED]
  assert found['staleness'].tolist() == [[0, 0], [-1, -1], [-1, -1], [-1, -1], [0, -1]]


class TestUndoing:
  """Marking what came after a checkpoint."""

  @pytest.fixture
  def run(self, workdir):
    """Launch 0: two replicas at two shards; launch 1 went on from it."""
    recorder = start(workdir, 0, num_shards=2)
    for step in range(4):
      for shard in range(2):
        recorder.add_log(shard, log(step + 1, push(step, step, [step, step])))
    for shard in range(2):
      recorder.add_log(shard, log(5, push(0, 0, [0, 0], replica=1), DROPPED))
    recorder.add_window((0, 0), NO_PUSHES, pending(row(4, [4, 4], pushed=0)))
    recorder.close()
    recorder = start(workdir, 1, num_shards=2)
    for shard in range(2):
      recorder.add_log(shard, log(6, push(4, 4, [5, 5], incarnation=1)))
    recorder.close()
    return workdir

  def statuses(self, workdir):
    found = np.sort(records.read(workdir), order=['replica', 'incarnation', 'step'])
    return [
      ''.join(steps.Status(s).name[0] for s in record) for record in found['status']
    ]

  def test_what_the_checkpoint_has_received_stays(self, run):
    # Per shard and replica: incarnation, sequence, next step, counted.
    clients = np.array([[[0, 2, 3, 3], [0, 0, 1, 1]], [[0, 1, 2, 2], [-1, -1, 0, 0]]])
    assert self.statuses(run) == ['AA', 'AA', 'AA', 'AA', 'LL', 'AA', 'DD']
    # Steps 2 (at shard 1), 3, replica 1's, and all of launch 1.
    assert records.mark_undone(run, 0, clients) == 4
    assert self.statuses(run) == ['AA', 'AA', 'AU', 'UU', 'LL', 'UU', 'DU']

  def test_earlier_launches_stay(self, run):
    clients = np.array([[[0, 3, 4, 4], [0, 0, 1, 1]]] * 2)
    assert records.mark_undone(run, 1, clients) == 1
    assert self.statuses(run) == ['AA', 'AA', 'AA', 'AA', 'LL', 'UU', 'DD']

  def test_an_incarnation_that_the_checkpoint_has_seen_replaced_stays(self, run):
    clients = np.array([[[1, 4, 5, 5], [0, 0, 1, 1]]] * 2)
    assert records.mark_undone(run, 1, clients) == 0

  def test_twice_undoes_nothing_more(self, run):
    clients = np.array([[[-1, -1, 0, 0]] * 2] * 2)
    assert records.mark_undone(run, 0, clients) == 6
    assert records.mark_undone(run, 0, clients) == 0
    assert (records.read(run)['status'] != UNDONE).sum() == 2  # The lost step's.

  def test_newest_incarnations_are_over_all_launches(self, run):
    assert records.newest_incarnations(run, 3).tolist() == [1, 0, -1]
    assert records.newest_incarnations(run, 1).tolist() == [1]
