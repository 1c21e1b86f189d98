"""What the leader did, as rows of a file."""

import threading

from distbelief.telemetry import activities


def test_rows_come_back_with_their_times(tmp_path):
  writer = activities.ActivityWriter(tmp_path)
  with writer.during('evaluation', 40), writer.during('checkpoint', 41):
    pass
  inner, outer = activities.read(tmp_path)
  assert (inner.name, inner.steps) == ('checkpoint', 41)
  assert (outer.name, outer.steps) == ('evaluation', 40)
  assert outer.start <= inner.start <= inner.end <= outer.end


def test_several_threads_write_whole_rows(tmp_path):
  writer = activities.ActivityWriter(tmp_path)

  def work():
    for steps in range(50):
      with writer.during('evaluation', steps):
        pass

  threads = [threading.Thread(target=work) for _ in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert len(activities.read(tmp_path)) == 200


def test_a_row_that_kill_9_cut_is_left_out_and_nothing_else(tmp_path):
  writer = activities.ActivityWriter(tmp_path)
  with writer.during('evaluation', 1):
    pass
  with (tmp_path / 'activities.csv').open('a') as file:
    file.write('evaluation,12.5')
  assert len(activities.read(tmp_path)) == 1
  with activities.ActivityWriter(tmp_path).during('checkpoint', 2):
    pass
  assert [a.name for a in activities.read(tmp_path)] == ['evaluation', 'checkpoint']


def test_no_file_is_no_activity(tmp_path):
  assert activities.read(tmp_path) == []
