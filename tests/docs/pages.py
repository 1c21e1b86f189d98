"""README and docs as a reader has them: pages, blocks, and what pasting them does."""

import dataclasses
import hashlib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT = 240

README = ROOT / 'README.md'
PAGES = (README, *sorted((ROOT / 'docs').rglob('*.md')))

_BLOCK = re.compile(
  r'^(?:<!-- (?P<kind>[a-z ]+): (?P<words>.*?) -->\n)?'
  r'```(?P<language>sh|python)\n(?P<text>.*?)^```$',
  re.MULTILINE | re.DOTALL,
)
# What a comment above a block says of it, see docs/development/docs.md.
KINDS = ('', 'shows', 'file', 'test', 'not run')


@dataclasses.dataclass(frozen=True)
class Block:
  """A block of a page, and what the comment above it says."""

  page: str
  language: str
  text: str
  kind: str = ''
  words: str = ''

  def __str__(self):
    return f'{self.page}: {self.text.splitlines()[0]}'


def blocks(page):
  """The blocks of a page, from top to bottom."""
  name = page.relative_to(ROOT).as_posix()
  return [
    Block(
      name,
      found['language'],
      found['text'].strip('\n'),
      found['kind'] or '',
      found['words'] or '',
    )
    for found in _BLOCK.finditer(page.read_text())
  ]


def block(page, start):
  """The one block of a page, by its path from the root, that starts so."""
  (found,) = [one for one in blocks(ROOT / page) if one.text.startswith(start)]
  return found


def checkout(folder):
  """The repository as a reader has it after the installation, with its own runs/.

  Its .venv is the tests' own, so it must be up to date: else the commands here would
  install the package anew, into that one and from this short-lived folder.
  """
  installed = pathlib.Path(sys.prefix, 'installed')
  parts = [(ROOT / name).read_bytes() for name in ('pyproject.toml', 'constraints.txt')]
  stamp = hashlib.sha256(b''.join(parts)).hexdigest()
  known = installed.read_text().split()[0] if installed.exists() else None
  assert known == stamp, 'the .venv is out of date: run scripts/test.sh, which installs'
  for path in ROOT.iterdir():
    if path.name not in ('.git', '.venv', 'runs'):
      (folder / path.name).symlink_to(path)
  (folder / '.venv').symlink_to(sys.prefix)
  return folder


def reader(folder):
  """A reader's environment after `source .venv/bin/activate`."""
  path = f'{folder / ".venv" / "bin"}:{os.environ["PATH"]}'
  return {**os.environ, 'PATH': path, 'PYTHONPATH': str(folder)}


def paste(folder, text, language='sh', timeout=TIMEOUT):
  """Pastes a block into a shell, or into Python; it must go well."""
  if language == 'python':
    text = f".venv/bin/python - <<'END'\n{text}\nEND"
  result = subprocess.run(
    ['bash', '-e', '-c', text],
    capture_output=True,
    text=True,
    timeout=timeout,
    cwd=folder,
    env=reader(folder),
  )
  assert result.returncode == 0, f'{text}\n{result.stdout}\n{result.stderr}'
  return result


def write(folder, one):
  """Adds a block to the file that its comment names."""
  with (folder / one.words).open('a') as file:
    file.write(f'{one.text}\n\n\n')


def follow(folder, page):
  """Does what a page says, from top to bottom."""
  for one in blocks(ROOT / page):
    if one.kind == 'file':
      write(folder, one)
    elif one.kind in ('', 'shows'):
      result = paste(folder, one.text, one.language)
      assert one.words in result.stdout + result.stderr, str(one)
