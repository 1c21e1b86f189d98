"""The table of all claims, with the verdicts of the results that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distbelief.experiments import tables, verdicts
from distbelief.experiments.verdicts import Verdict
from distbelief.telemetry import files

_BEGIN, _END = (
  '<!-- claims: written by distbelief reproduce -->',
  '<!-- end of claims -->',
)


def render(results: Path) -> str:
  """Returns the table, in Markdown.

  Args:
    results: Directory with a folder for each result, paper_results.
  """
  found = judgements(results)
  rows = []
  for name, rule in sorted(verdicts.rules().items(), key=lambda item: _order(item[0])):
    verdict, why = rule.verdict, rule.why
    if name in found:
      file, judged = found[name]
      verdict, why = judged['verdict'], judged['why']
      why = f'[{why}]({file.parent.name}/README.md)'
      if judged['rule'] != rule.hash:
        why += ' (by a rule that has changed since)'
    elif not verdict:
      verdict = str(Verdict.NOT_YET)
      why = (
        f'`distbelief reproduce --experiment={rule.experiment}` has not been run in full'
      )
    rows.append((name, rule.text, rule.source, f'**{verdict}**', why))
  head = ('claim', "in its source's terms", 'source', 'verdict', 'why')
  return tables.markdown(head, rows)


def judgements(results: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
  """Returns file and verdict by claim, of all results in a directory."""
  found = {}
  for file in sorted(results.glob('*/*.json')):
    for judged in json.loads(file.read_text()).get('verdicts', []):
      found[judged['claim']] = (file, judged)
  return found


def write(results: Path) -> None:
  """Writes the table anew into a README.md, if that has a place for it."""
  path = results / 'README.md'
  text = path.read_text() if path.exists() else ''
  if _BEGIN in text:
    files.write_whole(path, replaced(text, render(results)))


def replaced(text: str, table: str) -> str:
  """Returns a page with its table of claims exchanged."""
  before, _, rest = text.partition(_BEGIN)
  _, _, after = rest.partition(_END)
  return f'{before}{_BEGIN}\n\n{table}\n\n{_END}{after}'


def _order(claim: str) -> tuple[str, int, str]:
  """C2 comes before C10, and before C2-something."""
  name, _, variant = claim.partition('-')
  return name[0], int(name[1:]), variant
