"""The notebook: ten cells by public functions, run from top to bottom as Jupyter does."""

import importlib.util
import re
import urllib.parse

import nbformat
import pytest

from tests.docs import pages

FOLDER = pages.ROOT / 'docs' / 'tutorials'
# Beginnings of absolute paths, as a machine has them.
_PATH = re.compile(r'(?<![\w.])/(?:home|root|tmp|usr|opt|mnt|work|Users|content)\b')

REFUSED = (
  """
import keras, distbelief
config = distbelief.default_config()
config.num_steps = 8
def examples(split, seed):
  raise NotImplementedError
def network():
  raise NotImplementedError
class Twice(keras.layers.Layer):
  def call(self, inputs):
    return 2 * inputs
twice = keras.Sequential([keras.Input([440]), Twice(), keras.layers.Dense(48)])
""",
  "distbelief.train(config, 'data', data=examples, clock='virtual')",
  "distbelief.train(config, 'function', model=network, clock='virtual')",
  "distbelief.train(config, 'layer', model=twice, clock='virtual')",
)


def _module(name, path):
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


execute = _module('execute', FOLDER / 'execute.py')


@pytest.fixture
def notebook():
  return nbformat.read(execute.NOTEBOOK, as_version=4)


def code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def shown(cell):
  """The text below a cell, without progress."""
  return ''.join(output.get('text', '') for output in cell.outputs)


def test_it_has_ten_cells_with_what_they_show(notebook):
  nbformat.validate(notebook)
  cells = code(notebook)
  assert [cell.execution_count for cell in cells] == list(range(1, 11))
  pictures = [o for c in cells for o in c.outputs if 'image/png' in o.get('data', {})]
  assert len(pictures) == 3
  assert notebook.metadata.outputs['of'] == execute.source_digest(notebook), (
    'the code has changed: run python docs/tutorials/execute.py'
  )


def test_it_names_no_machine(notebook):
  for cell in notebook.cells:
    assert not _PATH.search(cell.source)
  for cell in code(notebook):
    assert not _PATH.search(str(cell.outputs))
    assert 'stderr' not in [output.get('name') for output in cell.outputs]


def test_it_uses_what_is_public(notebook):
  page = (pages.ROOT / 'docs' / 'reference' / 'api.md').read_text()
  text = '\n'.join(cell.source for cell in code(notebook))
  text = re.sub(r'from (distbelief[\w.]*) import (\w+)', r'\1.\2', text)
  text = re.sub(r'(?<![\w.])records\.', 'distbelief.telemetry.records.', text)
  used = set(re.findall(r'(?<![\w.])distbelief(?:\.\w+)+', text))
  assert {'distbelief.train', 'distbelief.telemetry.records.read'} <= used
  for name in used:
    assert name in page, name


def test_its_links_lead_somewhere(notebook):
  words = [c.source for c in notebook.cells if c.cell_type == 'markdown']
  links = re.findall(r'\]\(([^)]+)\)', ' '.join(words))
  assert len(links) >= 5
  for link in links:
    assert not urllib.parse.urlparse(link).scheme, link
    path, _, anchor = link.partition('#')
    text = (FOLDER / path).read_text()
    heading = re.escape(anchor.replace('-', ' '))
    assert not anchor or re.search(f'^#+ {heading}$', text, re.M | re.I), link


def test_the_site_shows_it_as_a_page(notebook):
  hook = _module('notebooks', pages.ROOT / 'docs' / 'notebooks.py')
  page, pictures = hook.rendered(execute.NOTEBOOK, 'tutorials/sgd-to-staleness.ipynb')
  assert page.startswith('# ') and 'href="sgd-to-staleness.ipynb"' in page
  for cell in notebook.cells:
    assert cell.source.split('\n\n')[0] in page
  for output in (output for cell in code(notebook) for output in cell.outputs):
    assert output.get('text', '').rstrip() in page
  assert len(pictures) == 3
  for place, picture in pictures.items():
    assert f']({place.removeprefix("tutorials/")})' in page
    assert picture.startswith(b'\x89PNG')


@pytest.mark.slow
@pytest.mark.timeout(900)  # About two minutes of one core.
def test_it_runs_from_top_to_bottom(tmp_path, notebook):
  before = [shown(cell) for cell in code(notebook)]
  execute.without_progress(execute.execute(notebook, tmp_path))
  assert not list(tmp_path.iterdir())  # Its files are in a folder of its own.
  # Simulated times and staleness follow from the seed; accuracies from rounding as well.
  numbers = re.compile(r'in [\d.]+ simulated s|waits \d+%|mean staleness [\d.]+')
  found = [numbers.findall(shown(cell)) for cell in code(notebook)]
  assert found == [numbers.findall(text) for text in before]
  assert sum(map(len, found)) == 12
  for cell in code(notebook):
    for accuracy in re.findall(r'accuracy ([\d.]+)', shown(cell)):
      assert float(accuracy) > 0.1  # Chance is a 48th.


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_cells_define_is_refused_in_one_line_that_says_how(tmp_path):
  made = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, REFUSED)))
  execute.execute(made, tmp_path, may_fail=True)
  _, data, function, layer = code(made)
  for cell, name in ((data, 'data (examples)'), (function, 'model (network)')):
    (error,) = [o for o in cell.outputs if o.output_type == 'error']
    assert error.ename == 'UserError' and error.evalue.startswith(name)
    assert '%%writefile' in error.evalue and '\n' not in error.evalue
  (line,) = [text for text in shown(layer).splitlines() if 'cannot be loaded' in text]
  assert 'Twice' in line and 'a function, module:function' in line
