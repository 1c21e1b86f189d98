"""What MkDocs builds beside what is written by hand.

- In reference/config.md: every field of a config, from the fields themselves.
- reference/code/: a page per package, from the modules that there are.
- paper_results/: the results, at the same place as in the repository.

Pages link to files of the repository by relative paths (../../distbelief/run.py), which
work wherever the repository is browsed. Here they are turned into links of the site.
"""

from __future__ import annotations

import importlib
import pkgutil
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'distbelief'
CODE, RESULTS = 'reference/code', 'paper_results'

_LINK = re.compile(r'\[(?P<text>[^\[\]]*)\]\((?P<target>\.\./[^)\s]*)\)')

# A value of each kind that hardly any field can have: its remedy says what one must be.
_IMPOSSIBLE = {bool: None, int: -1, float: -1.0, str: '?', tuple: (0,)}
_KINDS = {
  bool: 'True or False',
  int: 'A whole number',
  float: 'A number',
  str: 'A word',
  tuple: 'A tuple',
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
  """Adds the pages that are made here to the navigation."""
  reference = next(entry['Reference'] for entry in config.nav if 'Reference' in entry)
  code = reference.index('reference/code.md')
  pages = [_code_page(name) for name in packages()]
  reference[code] = {'The code': ['reference/code.md', *pages]}
  results = sorted((ROOT / RESULTS).glob('*/README.md'))
  pages = [f'{RESULTS}/README.md', *(_in_repository(path) for path in results)]
  config.nav.insert(-1, {'Results': pages})
  return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds the pages themselves."""
  for name, modules in packages().items():
    page = _code_page(name)
    files.append(File.generated(config, page, content=code_page(name, modules)))
  for path in sorted((ROOT / RESULTS).rglob('*')):
    if path.is_file():
      there = _in_repository(path)
      files.append(File.generated(config, there, abs_src_path=str(path)))
  return files


def on_page_markdown(markdown: str, page: Page, **unused: Any) -> str:
  """Fills in what is made here, and turns links into the repository into the site's."""
  if '<!-- fields -->' in markdown:
    markdown = markdown.replace('<!-- fields -->', ''.join(_fields()))
  if '<!-- packages -->' in markdown:
    links = [f'- [`{name}`](code/{name}.md)' for name in packages()]
    markdown = markdown.replace('<!-- packages -->', '\n'.join(links))
  here = posixpath.dirname(page.file.src_uri)
  # Results stand at the repository's top, pages written by hand one folder deeper.
  place = here if here.startswith(RESULTS) else posixpath.join('docs', here)

  def link(match: re.Match[str]) -> str:
    target, _, anchor = match['target'].partition('#')
    path = posixpath.normpath(posixpath.join(place, target))
    if path.startswith('docs/') and place != here:
      return match[0]
    if path.startswith('docs/'):
      goal = path.removeprefix('docs/')
    elif path.startswith(f'{PACKAGE}/'):
      goal = _module_on_site(path)
    else:
      goal = f'{path}#{anchor}' if anchor else path
      goal = goal if path.startswith(f'{RESULTS}/') else ''
    if not goal:  # Such a file has no page.
      return match['text']
    return f'[{match["text"]}]({posixpath.relpath(goal, here or ".")})'

  return _LINK.sub(link, markdown)


# The code.


def packages() -> dict[str, list[str]]:
  """Returns the modules of each package, by dotted names, with the package itself."""
  found: dict[str, list[str]] = {}
  for path in sorted((ROOT / PACKAGE).rglob('*.py')):
    module = path.relative_to(ROOT).with_suffix('')
    *package, name = module.parts
    if '__main__' not in name:
      parts = package if name == '__init__' else [*package, name]
      found.setdefault('.'.join(package), []).append('.'.join(parts))
  return dict(sorted(found.items()))


def code_page(name: str, modules: list[str]) -> str:
  """Returns the page of a package: its modules, each with what is public and source."""
  parts = [f'# {name}\n']
  parts += [
    f'::: {module}\n    options:\n      show_submodules: false\n' for module in modules
  ]
  return '\n'.join(parts)


def _code_page(package: str) -> str:
  return f'{CODE}/{package}.md'


def _module_on_site(path: str) -> str:
  """Returns where a module of the repository is described; '' if there is none."""
  module = path.removesuffix('/').removesuffix('.py').removesuffix('/__init__')
  module = module.replace('/', '.')
  for package, modules in packages().items():
    if module in (package, *modules):
      return f'{_code_page(package)}#{module}'
  return ''


def _in_repository(path: Path) -> str:
  return path.relative_to(ROOT).as_posix()


# The config.


def _fields() -> Iterator[str]:
  room = None
  for field in _of_config('FIELDS'):
    now, _, _ = field.name.rpartition('.')
    if now != room:
      room = now
      yield f'\n## {_heading(room)}\n\n'
      yield '| field | default | meaning |\n'
      yield '|---|---|---|\n'
    meaning = f'{field.comment} *{_possible(field)}.*'
    if _may_change(field.name):
      meaning += ' **May change on resume.**'
    cells = (f'`{field.name}`', _default(field), meaning)
    yield '| ' + ' | '.join(cell.replace('|', r'\|') for cell in cells) + ' |\n'


def _of_config(name: str) -> Any:
  """Returns a constant of distbelief.config, from whichever of its modules has it."""
  package = importlib.import_module(f'{PACKAGE}.config')
  inside = pkgutil.iter_modules(getattr(package, '__path__', []), f'{PACKAGE}.config.')
  modules = [package, *(importlib.import_module(module.name) for module in inside)]
  return next(vars(module)[name] for module in modules if name in vars(module))


def _may_change(name: str) -> bool:
  kinds = _of_config('MAY_CHANGE_ON_RESUME')
  return any(
    name == kind or (kind.endswith('.') and name.startswith(kind)) for kind in kinds
  )


def _heading(room: str) -> str:
  return f'config.{room}' if room else 'config'


def _default(field: Any) -> str:
  return '*none*' if isinstance(field.default, type) else f'`{field.default!r}`'


def _possible(field: Any) -> str:
  kind = field.default if isinstance(field.default, type) else type(field.default)
  remedy = field.check(_IMPOSSIBLE[kind])
  if not remedy:
    return _KINDS[kind]
  remedy = re.sub(r'^must (be|lie|have) ', '', remedy).split('; the paper')[0]
  remedy = re.sub(r'^is unknown: choose one of ', 'one of ', remedy)
  return remedy[0].upper() + remedy[1:]
