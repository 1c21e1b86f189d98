"""Every block of the documentation runs as it is pasted.

Only what depends on the reader's machines is replaced: names of hosts, the shared disk.
"""

import fnmatch
import json
import os
import re
import signal
import subprocess
import tomllib

import pytest
import tensorflow_datasets as tfds

from distbelief.cluster.launch import ports
from tests.docs import pages
from tests.docs.pages import block, paste

# Pages whose blocks are run from top to bottom, each page in a checkout of its own.
WITHOUT_A_CLUSTER = (
  'docs/tutorials/watch-asynchrony.md',
  'docs/how-to/resume-and-failures.md',
  'docs/reference/command-line.md',
)
WITH_CLUSTERS = ('docs/tutorials/first-run.md', 'docs/how-to/compare.md')
PACKAGED = 'docs/how-to/packaged-models.md'
OWN_MODEL, OWN_DATA = 'docs/how-to/own-model.md', 'docs/how-to/own-data.md'


def assert_all_is_described(run):
  """Every file of a run's directory, and every field of its summary."""
  page = (pages.ROOT / 'docs' / 'reference' / 'run-directory.md').read_text()
  for path in run.iterdir():
    is_known = any(
      fnmatch.fnmatch(path.name, name.split('/')[0])
      for name in re.findall(r'`([\w.*/<>-]+)`', page.split('## A step record')[0])
    )
    assert is_known, path.name
  for name in json.loads((run / 'summary.json').read_text()):
    assert f'`{name}`' in page.split('## summary.json')[1], name


@pytest.fixture
def checkout(tmp_path):
  return pages.checkout(tmp_path)


def test_every_block_is_run_or_says_why_not():
  tests = ''.join(
    path.read_text()
    for path in (pages.ROOT / 'tests').rglob('test_*.py')
    if path.parent.name == 'docs' or path.name == 'test_readme.py'
  )
  for page in pages.PAGES:
    for one in pages.blocks(page):
      assert one.kind in pages.KINDS, one
      if one.kind == 'test':
        assert f'def {one.words}(' in tests, one
      elif one.kind in ('', 'shows') and page != pages.README:
        assert one.page in (*WITHOUT_A_CLUSTER, *WITH_CLUSTERS), one


def test_every_fence_is_understood():
  """One that is indented, or of another language, would escape the tests."""
  fence = re.compile(r'^\s*(```|~~~)(?!text$|\{\.text|sh$|python$|$)', re.MULTILINE)
  for page in pages.PAGES:
    text = page.read_text()
    assert not fence.search(text), page
    found = len(re.findall(r'^\s*```(?:sh|python)$', text, re.MULTILINE))
    assert found == len(pages.blocks(page)), page


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
  'page',
  [
    *WITHOUT_A_CLUSTER,
    *(pytest.param(p, marks=pytest.mark.cluster) for p in WITH_CLUSTERS),
  ],
)
def test_a_page_from_top_to_bottom(checkout, page):
  pages.follow(checkout, page)


@pytest.mark.parametrize(
  ('page', 'start'),
  [
    (OWN_MODEL, 'import keras'),
    (OWN_DATA, 'import numpy'),
    (OWN_MODEL, 'import distbelief'),
    ('README.md', 'import distbelief'),
  ],
)
def test_ten_lines_are_enough(page, start):
  assert len([line for line in block(page, start).text.splitlines() if line]) <= 10


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_real_speech(checkout):
  if not tfds.builder('spoken_digit').is_prepared():
    pytest.skip(f'spoken_digit is not in {tfds.core.constants.DATA_DIR}')
  one = block(
    'docs/reference/networks-and-data.md',
    'distbelief train --config=configs/spoken_digit.py',
  )
  screen = paste(checkout, one.text, timeout=540).stderr
  accuracy = float(re.search(r'hold-out accuracy ([\d.]+)', screen)[1])
  assert accuracy > 0.6


def test_a_packaged_model_is_shown_as_it_is():
  shown = block(PACKAGED, 'def mobilenet').text
  assert shown in (pages.ROOT / 'scripts/benchmarks/packaged_models.py').read_text()


@pytest.mark.cluster
def test_a_packaged_model(checkout):
  """A few steps of it: the numbers are in paper_results/packaged_models."""
  text = block(PACKAGED, 'distbelief train').text
  few = text.replace('--config.num_steps=1200', '--config.num_steps=12')
  assert few != text
  pasted = paste(checkout, few)
  assert '12/12 steps' in pasted.stderr
  assert pasted.stdout.startswith('hold-out accuracy ')


@pytest.mark.cluster
def test_a_model_and_data_of_ones_own(checkout):
  for page, start in ((OWN_MODEL, 'import keras'), (OWN_DATA, 'import numpy')):
    pages.write(checkout, block(page, start))
  text = block(OWN_MODEL, 'distbelief train').text
  train, evaluate = text.split('distbelief evaluate')
  screen = paste(checkout, train).stderr
  accuracy = re.search(r'hold-out accuracy ([\d.]+)', screen)[1]
  line = paste(checkout, f'distbelief evaluate {evaluate}').stdout
  assert line.startswith(f'hold-out accuracy {accuracy[:5]}') and float(accuracy) > 0.5
  pages.write(checkout, block(OWN_DATA, 'import tensorflow as tf\nfrom mine'))
  own = '--config.model.name=mine.py:network --config.data.name=augmented.py:augmented'
  own += ' --config.num_steps=300 --clock=virtual --workdir=runs/augmented'
  paste(checkout, f'distbelief train --config=configs/synthetic_speech.py {own}')
  replayed = paste(checkout, 'distbelief replay --run=runs/augmented').stdout
  assert 'differ from those of the run by 0.0e+00' in replayed
  found = paste(checkout, block(OWN_MODEL, 'distbelief rates').text).stdout
  assert found.splitlines()[-1].startswith('downpour: --config.server.learning_rate=0.0')
  python = block(OWN_MODEL, 'import distbelief, mine')
  found = paste(checkout, python.text, 'python').stdout.split()
  assert float(found[0]) == pytest.approx(float(accuracy), abs=0.1)
  assert float(found[1]) > 0
  table = paste(checkout, 'distbelief compare runs/mine runs/from_python').stdout
  assert len([line for line in table.splitlines() if line.startswith('downpour')]) == 2
  see = 'docs/how-to/see-a-run.md'
  shown = paste(checkout, block(see, 'distbelief report').text).stdout
  assert 'runs/report/report.html: open it' in shown
  assert 'runs/mine/trace.json.gz' in shown
  told = paste(checkout, block(see, 'import json').text, 'python').stdout
  assert told.startswith('1000 (') and 'seconds computing' in told
  assert_all_is_described(checkout / 'runs' / 'mine')


@pytest.mark.cluster
def test_the_image_network(checkout):
  one = block(
    'docs/reference/networks-and-data.md',
    'distbelief train --config=configs/font_digits.py',
  )
  screen = paste(checkout, one.text).stderr
  assert float(re.search(r'hold-out accuracy ([\d.]+)', screen)[1]) > 0.9


@pytest.mark.cluster
def test_two_machines(checkout, tmp_path_factory):
  """On this one: a and b are names of the loopback, /shared is a folder."""
  shared = tmp_path_factory.mktemp('shared')
  page = 'docs/how-to/several-machines.md'
  reservation = ports.Reservation(4)
  text = block(page, 'task()').text
  for (name, port), mine in zip(re.findall(r'"(\w):(\d+)"', text), reservation.ports):
    text = text.replace(f'"{name}:{port}"', f'"127.0.0.1:{mine}"')
  text = text.replace('/shared', str(shared))
  starts = [one.text for one in pages.blocks(pages.ROOT / page) if one.text[0] == '(']
  assert len(starts) == 2
  machines = [
    subprocess.Popen(
      ['bash', '-c', f'{text}\n{start}'],
      stderr=subprocess.PIPE,
      text=True,
      cwd=checkout,
      env=pages.reader(checkout),
      start_new_session=True,
    )
    for start in starts
  ]
  try:
    screens = [m.communicate(timeout=pages.TIMEOUT)[1] for m in machines]
  finally:
    for machine in machines:
      if machine.poll() is None:
        os.killpg(machine.pid, signal.SIGKILL)
  assert 'hold-out accuracy' in ''.join(screens), screens
  summary = json.loads((shared / 'run' / 'summary.json').read_text())
  assert len(summary['replicas']) == 2


@pytest.mark.cluster
def test_slow_machines(checkout):
  one = block('docs/how-to/slow-machines.md', 'distbelief train')
  assert 'hold-out accuracy' in paste(checkout, one.text).stderr


def test_a_virtual_clock_and_replay(checkout):
  one = block(
    'docs/how-to/simulate.md',
    'distbelief train --config=configs/quickstart.py --workdir=runs/fifty',
  )
  assert 'hold-out accuracy' in paste(checkout, one.text).stderr
  replay = 'docs/how-to/replay.md'
  screen = paste(checkout, block(replay, 'distbelief replay').text).stdout
  assert 'every record fits' in screen and 'every record up to there fits' in screen
  assert 'update 300 of 1600' in screen and 'relative' in screen
  found = paste(checkout, block(replay, 'from distbelief').text, 'python').stdout
  assert ' [300 300]\n' in found
  assert_all_is_described(checkout / 'runs' / 'fifty')


def test_the_gpu_extra_is_what_pip_would_install():
  command = block('docs/how-to/gpus.md', '.venv/bin/pip install').text
  assert command.endswith("-e '.[gpu]'") and '-c constraints.txt' in command
  project = tomllib.loads((pages.ROOT / 'pyproject.toml').read_text())['project']
  (requirement,) = project['optional-dependencies']['gpu']
  assert requirement.startswith('tensorflow[and-cuda]')
