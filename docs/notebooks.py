"""Notebooks as pages of the site, from their files: code, and what was shown below it.

MkDocs copies a notebook as it is. This adds a page of the same name with its pictures, to
which links to the notebook lead.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_LINK = re.compile(r'(\]\([^)\s:]+)\.ipynb\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds a page for every notebook."""
  for found in [file for file in files if file.src_uri.endswith('.ipynb')]:
    page, pictures = rendered(Path(found.abs_src_path), found.src_uri)
    name = found.src_uri.removesuffix('.ipynb')
    files.append(File.generated(config, f'{name}.md', content=page))
    for uri, picture in pictures.items():
      files.append(File.generated(config, uri, content=picture))
  return files


def on_page_markdown(markdown: str, **unused: Any) -> str:
  """Leads links to a notebook to its page."""
  return _LINK.sub(r'\1.md)', markdown)


def rendered(path: Path, uri: str) -> tuple[str, dict[str, bytes]]:
  """Returns a notebook as Markdown, and its pictures by their place on the site.

  Args:
    path: The notebook's file.
    uri: The notebook's place on the site.
  """
  stem = uri.removesuffix('.ipynb')
  parts: list[str] = []
  pictures: dict[str, bytes] = {}
  for cell in json.loads(path.read_text())['cells']:
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
      parts.append(source)
      continue
    parts.append(f'```python\n{source}\n```')
    for output in cell['outputs']:
      data = output.get('data', {})
      if 'image/png' in data:
        place = f'{stem}-{len(pictures) + 1}.png'
        pictures[place] = base64.b64decode(data['image/png'])
        parts.append(f'![What the cell above draws]({posixpath.basename(place)})')
      elif text := ''.join(output.get('text', data.get('text/plain', ''))):
        parts.append(f'```{{.text .no-copy}}\n{text.rstrip()}\n```')
  title, *rest = parts
  # As HTML, or this link would lead to the page itself.
  own = f'<p><a href="{posixpath.basename(uri)}" download>The notebook itself</a></p>'
  return '\n\n'.join([title, own, *rest]) + '\n', pictures
