"""The README: short, and every example of it runs as it is pasted."""

import subprocess

import pytest

from tests.docs import pages
from tests.docs.pages import block, paste


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
  return pages.checkout(tmp_path_factory.mktemp('checkout'))


def test_it_is_short():
  assert len(pages.README.read_text().splitlines()) <= 180


def test_every_block_is_run_below():
  starts = ('scripts/quickstart.sh', '.venv/bin/tensorboard', 'import distbelief')
  found = [block('README.md', start) for start in starts]
  assert found == pages.blocks(pages.README)


@pytest.mark.cluster
@pytest.mark.timeout(900)  # It takes less than 4 minutes on a machine of its own.
def test_the_quickstart(checkout):
  text = block('README.md', 'scripts/quickstart.sh').text
  command, _ = (line.split('#')[0].strip() for line in text.splitlines())
  assert command == block('docs/tutorials/first-run.md', 'scripts/quickstart.sh').text
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
  text = block('README.md', '.venv/bin/tensorboard').text
  for page in ('docs/tutorials/first-run.md', 'docs/how-to/see-a-run.md'):
    assert block(page, '.venv/bin/tensorboard').text == text
  process = subprocess.Popen(
    ['bash', '-c', f'exec {text}'],
    stderr=subprocess.PIPE,
    text=True,
    cwd=checkout,
    env=pages.reader(checkout),
  )
  try:
    assert any('http://localhost:' in line for line in process.stderr)
  finally:
    process.terminate()
    process.wait()


@pytest.mark.cluster
def test_a_model_of_ones_own(checkout):
  python = block('README.md', 'import distbelief')
  found = paste(checkout, python.text, 'python').stdout.split()
  assert float(found[0]) > 0.1  # Chance is a 48th.
  assert float(found[1]) > 0
