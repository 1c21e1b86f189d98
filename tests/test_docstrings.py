"""Docstrings say what a thing is: a noun first, never a genitive without its noun."""

import ast
import pathlib
import re

_ROOT = pathlib.Path(__file__).parent.parent
_FILES = sorted(
  path
  for folder in ('distbelief', 'scripts', 'configs')
  for path in (_ROOT / folder).rglob('*.py')
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SECTIONS = ('Args:', 'Attributes:', 'Returns:', 'Yields:')


def _entries(docstring):
  """Yields the text of every entry of a section, without the name before it."""
  section = ''
  for line in docstring.splitlines():
    if line and not line.startswith(' '):
      section = line
    elif section in ('Args:', 'Attributes:'):
      if entry := re.match(r'  \w+: (.*)', line):
        yield entry[1]
    elif section in _SECTIONS and line.strip():
      yield line.strip()
      section = ''  # The rest of the section goes on with that sentence.


def _faults(source):
  for node in ast.walk(ast.parse(source)):
    docstring = ast.get_docstring(node) if isinstance(node, _DOCUMENTED) else None
    if docstring is None:
      continue
    name = getattr(node, 'name', 'the module')
    if docstring.startswith('Is '):
      yield f'{name}: {docstring.splitlines()[0]}'
    for entry in _entries(docstring):
      if entry.startswith(('Of ', 'Its ')):
        yield f'{name}: {entry}'


def test_docstrings_name_the_thing_first():
  assert not [
    f'{path.relative_to(_ROOT)}, {fault}'
    for path in _FILES
    for fault in _faults(path.read_text())
  ]


def test_faults_are_found():
  source = '''
class Link:
  """Is free.

  Attributes:
    size: Its bytes.
    rate: Bytes per second
      of the link.
  """

  def send(self, index):
    """Sends.

    Args:
      index: Of the shard.

    Returns:
      Of the link, the time
      of arrival.
    """
'''
  assert list(_faults(source)) == [
    'Link: Is free.',
    'Link: Its bytes.',
    'send: Of the shard.',
    'send: Of the link, the time',
  ]
