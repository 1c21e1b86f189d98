"""The documentation as a site: it builds strictly and loads nothing from elsewhere."""

import html.parser
import importlib.util
import os
import re
import subprocess
import sys
import urllib.parse

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.telemetry import steps
from tests.docs import pages

DOCS = pages.ROOT / 'docs'
# Methods of Keras', files.
_NO_FIELDS = ('model.fit', 'model.quantize', 'model.keras', 'model.weights')


def test_it_builds_strictly(tmp_path):
  """And what is built is whole: one test, since building takes long."""
  folder = tmp_path / 'site'
  result = subprocess.run(
    [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(folder)],
    cwd=pages.ROOT,
    capture_output=True,
    text=True,
    timeout=240,
    # Behind a proxy that leads nowhere.
    env={
      **os.environ,
      'https_proxy': 'http://127.0.0.1:9',
      'PYTHONPATH': str(pages.ROOT),
    },
  )
  assert result.returncode == 0, result.stdout + result.stderr
  assert_nothing_is_loaded_from_elsewhere(folder)
  assert_every_field_of_a_config_is_described(folder)
  assert_every_module_has_a_page(folder)


class _Loaded(html.parser.HTMLParser):
  """What a browser loads with a page: pictures, scripts, style sheets."""

  def __init__(self):
    super().__init__()
    self.found = []

  def handle_starttag(self, tag, attributes):
    values = dict(attributes)
    if tag in ('img', 'script', 'iframe', 'source', 'video') and values.get('src'):
      self.found.append(values['src'])
    if tag == 'link' and values.get('rel') not in ('canonical', 'next', 'prev'):
      self.found.append(values['href'])


def assert_nothing_is_loaded_from_elsewhere(site):
  found = 0
  for path in site.rglob('*.html'):
    loaded = _Loaded()
    loaded.feed(path.read_text())
    for address in loaded.found:
      assert not urllib.parse.urlparse(address).netloc, (path, address)
      if path.name != '404.html':  # Whose links start at the server's root.
        there = path.parent / urllib.parse.urlparse(address).path
        assert there.exists(), (path, address)
      found += 1
  assert found > 100


def assert_every_field_of_a_config_is_described(site):
  page = (site / 'reference' / 'config.html').read_text()
  for name in config_lib.flatten(config_lib.default_config()):
    assert f'<code>{name}</code>' in page


def assert_every_module_has_a_page(site):
  text = ''.join(p.read_text() for p in (site / 'reference' / 'code').glob('*.html'))
  for path in (pages.ROOT / 'distbelief').rglob('*.py'):
    module = '.'.join(path.relative_to(pages.ROOT).with_suffix('').parts)
    if not module.endswith('__main__'):
      assert f'id="{module.removesuffix(".__init__")}"' in text, module


def test_every_field_of_a_record_is_described():
  page = (DOCS / 'reference' / 'run-directory.md').read_text()
  for name in steps.record_dtype(2).names:
    assert f'`{name}`' in page
  for status in steps.Status:
    assert f'| {status:d} | `{status.name.lower()}` |' in page


def test_every_exit_status_is_described():
  page = (DOCS / 'reference' / 'exit-statuses.md').read_text()
  public = {k: v for k, v in vars(errors).items() if k.isupper() and k[0] != '_'}
  statuses = {v for v in public.values() if type(v) is int}  # No signals.
  assert {int(found) for found in re.findall(r'^\| (\d+) \|', page, re.M)} == statuses


def test_figures_are_as_drawn():
  spec = importlib.util.spec_from_file_location('draw', DOCS / 'figures' / 'draw.py')
  draw = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(draw)
  assert {path.stem for path in DOCS.glob('figures/*.svg')} == set(draw.FIGURES)
  for name, figure in draw.FIGURES.items():
    drawn = figure() == (DOCS / 'figures' / f'{name}.svg').read_text()
    assert drawn, f'{name}.svg: run python docs/figures/draw.py'


@pytest.mark.parametrize('page', pages.PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_lead_somewhere(page):
  for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
    path = target.partition('#')[0]
    if not path or urllib.parse.urlparse(target).scheme:
      continue
    there = (page.parent / path).resolve()
    assert there.exists(), target


@pytest.mark.parametrize('page', pages.PAGES, ids=lambda page: page.name)
def test_fields_that_are_named_exist(page):
  known = set(config_lib.flatten(config_lib.default_config()))
  rooms = {name.split('.')[0] for name in known if '.' in name}
  pattern = rf'(?:`|config\.)((?:{"|".join(rooms)})\.\w+)'
  named = re.findall(pattern, page.read_text())
  assert set(named) <= {*known, *_NO_FIELDS}
