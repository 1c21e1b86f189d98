"""What messages tell users to install."""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[1]


def test_every_extra_that_a_message_names_can_be_installed():
  """From the checkout: there is no such package on PyPI."""
  package = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  extras = set(package['project']['optional-dependencies'])
  advice = [
    found
    for folder in ('distbelief', 'scripts')
    for path in (ROOT / folder).rglob('*.py')
    for found in re.findall(r"pip install [^;)]*\[\w+\]'?", path.read_text())
  ]
  assert len(advice) >= 3
  for words in advice:
    named = re.fullmatch(r"pip install -e '\.\[(\w+)\]'", words)
    assert named and named[1] in extras, words
