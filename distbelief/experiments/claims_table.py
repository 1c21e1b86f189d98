"""The tables of all claims, with the verdicts of the results that are there.

One of the results' page says all; a short one, of the project's, what has been decided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distbelief.experiments import tables, verdicts
from distbelief.experiments.intervals import Interval
from distbelief.experiments.verdicts import Rule, Verdict
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
  for name, rule in _rules():
    verdict, why = rule.verdict, rule.why
    if name in found:
      file, judged = found[name]
      verdict, why = judged['verdict'], judged['why']
      why = f'[{why}]({file.parent.name}/README.md){_caveat(judged, rule)}'
    elif not verdict:
      verdict = str(Verdict.NOT_YET)
      why = (
        f'`distbelief reproduce --experiment={rule.experiment}` has not been run in full'
      )
    rows.append((name, rule.text, rule.source, f'**{verdict}**', why))
  head = ('claim', "in its source's terms", 'source', 'verdict', 'why')
  return tables.markdown(head, rows)


def short(results: Path) -> str:
  """Returns the table of the claims that a number decided, and how many others there are.

  Args:
    results: Directory with a folder for each result; the page lies above it.
  """
  found = judgements(results)
  rows = []
  for name, rule in _rules():
    if name not in found:
      continue
    file, judged = found[name]
    page = f'{results.name}/{file.parent.name}/README.md'
    verdict = f'[{judged["verdict"]}]({page}){_caveat(judged, rule)}'
    rows.append((name, rule.text, _number(judged), verdict))
  table = tables.markdown(('claim', "in its source's terms", 'ours', 'verdict'), rows)
  others = len(verdicts.rules()) - len(rows)
  return (
    f'{table}\n\nThe other {others} have not been run yet, or cannot be decided here: '
    f'[all claims]({results.name}/README.md#claims-and-verdicts) with sources, '
    'statistics and reasons.'
  )


def _caveat(judged: Mapping[str, Any], rule: Rule) -> str:
  return '' if judged['rule'] == rule.hash else ' (by a rule that has changed since)'


def _number(judged: Mapping[str, Any]) -> str:
  if judged['interval'] is None:
    return ''
  infinite = (np.inf, -np.inf, np.inf)
  value, low, high = (
    bound if x is None else x for x, bound in zip(judged['interval'], infinite)
  )
  found = Interval(value, low, high)
  # A model has one number.
  return (
    f'{value:.3g}'
    if judged['verdict'] == Verdict.MODELLED and np.isinf([low, high]).all()
    else str(found)
  )


def _rules() -> list[tuple[str, Rule]]:
  return sorted(verdicts.rules().items(), key=lambda item: _order(item[0]))


def judgements(results: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
  """Returns file and verdict by claim, of all results in a directory."""
  found = {}
  for file in sorted(results.glob('*/*.json')):
    for judged in json.loads(file.read_text()).get('verdicts', []):
      found[judged['claim']] = (file, judged)
  return found


def write(results: Path) -> None:
  """Writes the tables into README.md there and above, if these have a place for it."""
  for path, table in (
    (results / 'README.md', render(results)),
    (results.parent / 'README.md', short(results)),
  ):
    text = path.read_text() if path.exists() else ''
    if _BEGIN in text:
      files.write_whole(path, replaced(text, table))


def replaced(text: str, table: str) -> str:
  """Returns a page with its table of claims exchanged."""
  before, _, rest = text.partition(_BEGIN)
  _, _, after = rest.partition(_END)
  return f'{before}{_BEGIN}\n\n{table}\n\n{_END}{after}'


def _order(claim: str) -> tuple[str, int, str]:
  """C2 comes before C10, and before C2-something."""
  name, _, variant = claim.partition('-')
  return name[0], int(name[1:]), variant
