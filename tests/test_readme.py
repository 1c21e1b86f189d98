"""Every example of the README runs as it is pasted.

Only what depends on the reader's machines is replaced: names of hosts, the shared disk.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib

import pytest
import tensorflow_datasets as tfds

from distbelief.cluster import ports
from tests.cluster import runs

README = (runs.ROOT / 'README.md').read_text()

_FENCED = re.compile(r'^```(sh|python)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_QUICK = '.venv/bin/python scripts/train.py --config=configs/quickstart.py --workdir=runs'
SLOW, VIRTUAL = f'{_QUICK}/straggler', f'{_QUICK}/fifty'
BLOCKS = [text.strip('\n') for _, text in _FENCED.findall(README)]


def block(start):
  """Returns the one block that starts so."""
  (found,) = [text for text in BLOCKS if text.startswith(start)]
  return found


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
  """The repository as a reader has it after the installation, with its own runs/."""
  folder = tmp_path_factory.mktemp('checkout')
  for path in runs.ROOT.iterdir():
    if path.name not in ('.git', '.venv', 'runs'):
      (folder / path.name).symlink_to(path)
  (folder / '.venv').symlink_to(sys.prefix)
  (folder / 'mine.py').write_text(f'{block("import keras")}\n{block("import numpy")}\n')
  return folder


def reader(checkout):
  path = f'{checkout / ".venv" / "bin"}:{os.environ["PATH"]}'
  return {**os.environ, 'PATH': path, 'PYTHONPATH': str(checkout)}


def paste(checkout, text, timeout=runs.TIMEOUT):
  result = subprocess.run(
    ['bash', '-e', '-c', text],
    capture_output=True,
    text=True,
    timeout=timeout,
    cwd=checkout,
    env=reader(checkout),
  )
  assert result.returncode == 0, result.stdout + result.stderr
  return result


def test_every_block_is_run_below():
  starts = (
    'scripts/quickstart.sh',
    '.venv/bin/tensorboard',
    '.venv/bin/python scripts/train.py --config=configs/spoken_digit.py',
    'import keras',
    'import numpy',
    '.venv/bin/python scripts/train.py --config=configs/synthetic_speech.py',
    'import distbelief, mine',
    '.venv/bin/python scripts/train.py --config=configs/font_digits.py',
    '.venv/bin/python scripts/compare.py',
    '.venv/bin/python scripts/report.py',
    'task()',
    '(task worker 0)',
    '(task worker 1)',
    '.venv/bin/pip install',
    SLOW,
    VIRTUAL,
    '.venv/bin/python scripts/replay.py',
    'from distbelief.simulation.replay',
  )
  assert sorted(map(block, starts)) == sorted(BLOCKS)


@pytest.mark.parametrize('start', ['import keras', 'import numpy', 'import distbelief'])
def test_ten_lines_are_enough(start):
  assert len([line for line in block(start).splitlines() if line]) <= 10


@pytest.mark.cluster
@pytest.mark.timeout(900)  # It takes less than 4 minutes on a machine of its own.
def test_the_quickstart(checkout):
  command, _ = (
    line.split('#')[0] for line in block('scripts/quickstart.sh').splitlines()
  )
  screen = paste(checkout, command, timeout=840).stdout
  lines = [line.split() for line in screen.splitlines()]
  table = [line for line in lines if line and line[0] in ('downpour', 'synchronous')]
  assert [line[0] for line in table] == ['downpour', 'synchronous'] * 2
  assert 'tensorboard --logdir=' in screen
  (page,) = checkout.glob('runs/quickstart-*/report/report.html')
  assert 'synchronous-slow' in page.read_text()


@pytest.mark.cluster
def test_tensorboard_starts(checkout):
  (checkout / 'runs').mkdir(exist_ok=True)
  process = subprocess.Popen(
    ['bash', '-c', 'exec ' + block('.venv/bin/tensorboard')],
    stderr=subprocess.PIPE,
    text=True,
    cwd=checkout,
    env=reader(checkout),
  )
  try:
    assert any('http://localhost:' in line for line in process.stderr)
  finally:
    process.terminate()
    process.wait()


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_real_speech(checkout):
  if not tfds.builder('spoken_digit').is_prepared():
    pytest.skip(f'spoken_digit is not in {tfds.core.constants.DATA_DIR}')
  text = block('.venv/bin/python scripts/train.py --config=configs/spoken')
  screen = paste(checkout, text, timeout=540).stderr
  accuracy = float(re.search(r'hold-out accuracy ([\d.]+)', screen)[1])
  assert accuracy > 0.6


@pytest.mark.cluster
def test_a_model_and_data_of_ones_own(checkout):
  text = block('.venv/bin/python scripts/train.py --config=configs/synthetic')
  train, evaluate = text.split('.venv/bin/python scripts/evaluate.py')
  screen = paste(checkout, train).stderr
  accuracy = re.search(r'hold-out accuracy ([\d.]+)', screen)[1]
  line = paste(checkout, f'.venv/bin/python scripts/evaluate.py {evaluate}').stdout
  assert line.startswith(f'hold-out accuracy {accuracy[:5]}') and float(accuracy) > 0.5
  python = block('import distbelief, mine')
  found = paste(checkout, f".venv/bin/python - <<'END'\n{python}\nEND").stdout.split()
  assert float(found[0]) == pytest.approx(float(accuracy), abs=0.1)
  assert float(found[1]) > 0
  table = paste(checkout, block('.venv/bin/python scripts/compare.py')).stdout
  assert len([line for line in table.splitlines() if line.startswith('downpour')]) == 2
  shown = paste(checkout, block('.venv/bin/python scripts/report.py')).stdout
  assert 'runs/report/report.html: open it' in shown
  assert 'runs/mine/trace.json.gz' in shown


@pytest.mark.cluster
def test_the_image_network(checkout):
  screen = paste(
    checkout, block('.venv/bin/python scripts/train.py --config=configs/font')
  ).stderr
  assert float(re.search(r'hold-out accuracy ([\d.]+)', screen)[1]) > 0.9


@pytest.mark.cluster
def test_two_machines(checkout, tmp_path):
  """On this one: a and b are names of the loopback, /shared is a folder."""
  reservation = ports.Reservation(4)
  text = block('task()')
  for (name, port), mine in zip(re.findall(r'"(\w):(\d+)"', text), reservation.ports):
    text = text.replace(f'"{name}:{port}"', f'"127.0.0.1:{mine}"')
  text = text.replace('/shared', str(tmp_path))
  starts = [line for line in BLOCKS if line.startswith('(task')]
  assert len(starts) == 2
  machines = [
    subprocess.Popen(
      ['bash', '-c', f'{text}\n{start}'],
      stderr=subprocess.PIPE,
      text=True,
      cwd=checkout,
      env=reader(checkout),
      start_new_session=True,
    )
    for start in starts
  ]
  try:
    screens = [m.communicate(timeout=runs.TIMEOUT)[1] for m in machines]
  finally:
    for machine in machines:
      if machine.poll() is None:
        os.killpg(machine.pid, signal.SIGKILL)
  assert 'hold-out accuracy' in ''.join(screens), screens
  summary = json.loads((tmp_path / 'run' / 'summary.json').read_text())
  assert len(summary['replicas']) == 2


@pytest.mark.cluster
def test_slow_machines(checkout):
  assert 'hold-out accuracy' in paste(checkout, block(SLOW)).stderr


def test_a_virtual_clock_and_replay(checkout):
  assert 'hold-out accuracy' in paste(checkout, block(VIRTUAL)).stderr
  screen = paste(checkout, block('.venv/bin/python scripts/replay.py')).stdout
  assert 'every record fits' in screen and 'every record up to there fits' in screen
  assert 'update 300 of 1600' in screen and 'relative' in screen
  python = block('from distbelief.simulation.replay')
  found = paste(checkout, f".venv/bin/python - <<'END'\n{python}\nEND").stdout
  assert ' [300 300]\n' in found


def test_the_gpu_extra_is_what_pip_would_install(checkout):
  command = block('.venv/bin/pip install')
  assert command.endswith("-e '.[gpu]'") and '-c constraints.txt' in command
  project = tomllib.loads((runs.ROOT / 'pyproject.toml').read_text())['project']
  (requirement,) = project['optional-dependencies']['gpu']
  assert requirement.startswith('tensorflow[and-cuda]')
