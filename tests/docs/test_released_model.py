"""The released model: what its page says of it is so, in plain Keras."""

import json
import os
import re
import subprocess
import sys

import pytest

from distbelief import config as config_lib
from tests.docs import pages

FOLDER = pages.ROOT / 'paper_results' / 'released_model'
PAGE = (FOLDER / 'README.md').read_text()


@pytest.fixture
def summary():
  return json.loads((FOLDER / 'summary.json').read_text())


def test_it_is_small_and_comes_with_all_that_made_it(summary):
  assert (FOLDER / 'model.keras').stat().st_size < 2_000_000
  assert summary['provenance']['git']['clean']
  assert summary['provenance']['git']['commit'] in PAGE
  config = config_lib.from_json((FOLDER / 'config.json').read_text())
  config_lib.check(config, summary['clock'])
  assert summary['steps'] == config.num_steps


def test_its_command_is_the_one_that_made_it(summary):
  found = re.search(r'^    (distbelief train .*)$', PAGE, re.M)
  assert found[1].split() == summary['provenance']['command']


def test_its_page_has_the_numbers_of_the_run(summary):
  text = ' '.join(PAGE.split())
  percent = 100 * summary['holdout_accuracy']
  assert f'{percent:.1f} % of 20,000 hold-out frames' in text
  assert f'mean staleness of {summary["staleness"]["mean"]:.1f}' in text


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_plain_keras_finds_the_accuracy_of_the_summary(summary):
  (block,) = re.findall(r'^```python\n(.*?)^```$', PAGE, re.M | re.S)
  assert len([line for line in block.splitlines() if line]) == 5
  screen = subprocess.run(
    [sys.executable, '-c', block],
    capture_output=True,
    text=True,
    check=True,
    timeout=pages.TIMEOUT,
    cwd=pages.ROOT,
    env={**os.environ, 'PYTHONPATH': str(pages.ROOT)},
  )
  accuracy = float(re.search(r"'accuracy': ([\d.]+)", screen.stdout)[1])
  assert accuracy == pytest.approx(summary['holdout_accuracy'], abs=1e-3)
