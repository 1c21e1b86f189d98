"""Pictures of runs: drawn of what there is, with a word where there is nothing."""

import time

import numpy as np
import pytest

from distbelief.analysis.run import Run
from distbelief.pictures import curves, gallery, staleness, style, swarm, timeline
from distbelief.telemetry import swarm as samples_lib
from tests.analysis import made_up_run

ROWS = [(1.0, 20, 1280, 20, 2.0, 1.9, 0.2), (2.0, 40, 2560, 40, 1.8, 1.7, 0.3)]


@pytest.fixture
def asynchronous(tmp_path):
  made = made_up_run.downpour([0.1, 0.1, 0.4], 200, latency=0.01, num_shards=2)
  return Run(made_up_run.write(tmp_path / 'downpour', made, ROWS))


@pytest.fixture
def together(tmp_path):
  made = made_up_run.synchronous([0.1, 0.1, 0.4], 60)
  fields = {'algorithm': 'synchronous'}
  return Run(made_up_run.write(tmp_path / 'synchronous', made, ROWS, **fields))


def is_picture(figure):
  png = style.png(figure)
  return png.startswith(b'\x89PNG') and len(png) > 5000


def titles(figure):
  return [axes.get_title(loc='left') for axes in figure.axes]


def bars(axes, colour):
  """The bars [., 2] (start, length) of a colour, in a panel."""
  wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
  found = []
  for collection in axes.collections:
    faces = collection.get_facecolor()
    if len(faces) and np.allclose(faces[0][:3], wanted, atol=0.01):
      for path in collection.get_paths():
        x = path.vertices[:, 0]
        found.append((x.min(), x.max() - x.min()))
  return np.array(found).reshape([-1, 2])


def test_synchronous_stands_above_asynchronous_on_one_axis_of_time(
  asynchronous, together
):
  figure = timeline.draw([asynchronous, together])
  first, second = figure.axes
  assert 'synchronous' in titles(figure)[0] and 'Downpour' in titles(figure)[1]
  assert first.get_xlim() == second.get_xlim()
  labels = [label.get_text() for label in second.get_yticklabels()]
  assert labels == ['replica 0', 'replica 1', 'replica 2', 'shard 0', 'shard 1']
  assert is_picture(figure)


def test_bars_are_as_long_as_the_steps(asynchronous, together):
  upper, lower = timeline.draw([asynchronous, together], start=2.0, seconds=2.0).axes
  computing = bars(upper, style.COMPUTE)[:, 1]
  assert set(np.round(computing, 3)) == {0.1, 0.4}
  waiting = bars(upper, style.WAIT)[:, 1]
  np.testing.assert_allclose(waiting[waiting > 0], 0.3, atol=1e-6)
  # In two seconds two fast replicas wait in every update of 0.41 s, of which 5 or 6
  # touch the window.
  assert 10 <= (waiting > 0).sum() <= 12
  fetches = bars(lower, style.FETCH)[:, 1]
  np.testing.assert_allclose(fetches, 0.01, atol=1e-5)


def test_a_window_is_chosen_in_the_middle_and_shows_some_steps(asynchronous):
  (axes,) = timeline.draw([asynchronous]).axes
  low, high = axes.get_xlim()
  assert (low, high - low) == (0, pytest.approx(5 * 0.42, rel=0.15))


def test_staleness_is_drawn_beside_theory(asynchronous):
  figure = staleness.draw(asynchronous)
  by_replica = figure.axes[0].get_legend().get_texts()
  assert any('mean' in text.get_text() for text in by_replica)
  assert 'opposite order' in titles(figure)[3]
  assert is_picture(figure)


def test_curves_and_time_spent(asynchronous, together):
  runs = [asynchronous, together]
  learning = curves.learning(runs)
  assert [axes.get_xlabel() for axes in learning.axes] == [
    *('seconds', 'examples', 'updates of the parameters')
  ]
  assert all(len(axes.lines) == 2 for axes in learning.axes)
  assert is_picture(learning) and is_picture(curves.time_spent(runs))


def give_samples(run, count=12):
  writer = samples_lib.SwarmWriter(run.workdir)
  rng = np.random.default_rng(0)
  for index in range(count):
    sketches = rng.normal(size=[1, 3, samples_lib.DIMENSION]).astype(np.float32)
    writer.add(np.array([[float(index), index % 3, 0, index]]), sketches)


def test_the_swarm_is_drawn_without_a_surface_as_well(asynchronous):
  give_samples(asynchronous)
  figure = swarm.draw(asynchronous)
  assert 'no loss: fewer than 3 evaluations' in titles(figure)[0]
  (asynchronous.workdir / 'summary.json').unlink()
  young = Run(asynchronous.workdir)
  assert 'computed when the run ends' in titles(swarm.draw(young))[0]
  assert is_picture(figure)


def test_a_gallery_has_what_there_is(asynchronous, together):
  assert set(gallery.of_run(asynchronous)) == {'timeline', 'staleness'}
  give_samples(together)
  assert set(gallery.of_run(together)) == {'timeline', 'swarm'}
  assert set(gallery.MEANING) == {'timeline', 'staleness', 'swarm'}


def test_where_nothing_is_known_pictures_say_so(tmp_path):
  made = made_up_run.blank(1, 1)
  run = Run(made_up_run.write(tmp_path / 'run', made))
  path = run.workdir / 'steps' / '000.bin'
  path.write_bytes(path.read_bytes()[:4096])
  assert gallery.of_run(run) == {}
  for figure in (curves.learning([run]), staleness.draw(run), swarm.draw(run)):
    assert all(axes.texts for axes in figure.axes)


@pytest.mark.parametrize('replicas', [2, 40])
def test_many_replicas_fit(tmp_path, replicas):
  made = made_up_run.downpour([0.1] * replicas, 30 * replicas)
  run = Run(made_up_run.write(tmp_path / 'run', made))
  figure = timeline.draw([run])
  assert len(figure.axes[0].get_yticks()) == min(replicas, 24) + 1
  assert ('24 of 40 replicas' in titles(figure)[0]) == (replicas == 40)
  assert is_picture(curves.time_spent([run]))


def test_a_hundred_thousand_steps_are_drawn_in_time(tmp_path):
  """The bound is 20 s (scripts/benchmarks/drawing.py); here three times that."""
  made = made_up_run.downpour([0.01] * 10, 100_000, num_shards=2)
  run = Run(made_up_run.write(tmp_path / 'run', made, ROWS))
  give_samples(run, 1000)
  start = time.monotonic()
  assert set(gallery.of_run(run)) == {'timeline', 'staleness', 'swarm'}
  assert time.monotonic() - start < 60
