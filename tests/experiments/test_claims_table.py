"""The table of all claims."""

import json

from distbelief.experiments import claims_table, verdicts
from tests.runs import ROOT

RESULTS = ROOT / 'paper_results'


def rows_of(table):
  """Verdict and reason of each claim."""
  lines = (line.split('|') for line in table.splitlines()[2:])
  return {line[1].strip(): (line[-3].strip(), line[-2].strip()) for line in lines}


def test_the_table_that_stands_there_is_that_of_the_results():
  text = (RESULTS / 'README.md').read_text()
  assert claims_table.replaced(text, claims_table.render(RESULTS)) == text
  text = (ROOT / 'README.md').read_text()
  assert claims_table.replaced(text, claims_table.short(RESULTS)) == text


def test_every_claim_has_a_row_in_its_order(tmp_path):
  rows = rows_of(claims_table.render(tmp_path))
  assert set(rows) == set(verdicts.rules())
  assert {f'C{number}' for number in range(1, 21)} <= set(rows)
  names = list(rows)
  assert (
    names.index('C2') < names.index('C9') < names.index('C9-mean') < names.index('C10')
  )
  assert rows['C4'] == (
    '**not yet**',
    '`distbelief reproduce --experiment=figure4` has not been run in full',
  )
  assert rows['C18'][0] == '**not decidable here**'


def test_a_result_has_its_verdict_there_and_a_changed_rule_shows(tmp_path):
  (tmp_path / 'figure4').mkdir()
  rule = verdicts.rules()['C4'].hash
  judged = [
    {'claim': 'C4', 'verdict': 'confirmed', 'why': 'twice', 'rule': rule},
    {'claim': 'C5', 'verdict': 'refuted', 'why': 'half', 'rule': 'another'},
  ]
  file = tmp_path / 'figure4' / 'figure4.json'
  file.write_text(json.dumps({'verdicts': judged}))
  rows = rows_of(claims_table.render(tmp_path))
  assert rows['C4'] == ('**confirmed**', '[twice](figure4/README.md)')
  changed = '[half](figure4/README.md) (by a rule that has changed since)'
  assert rows['C5'] == ('**refuted**', changed)


def test_only_a_page_with_a_place_for_it_is_written(tmp_path):
  page = tmp_path / 'README.md'
  page.write_text('Nothing.')
  claims_table.write(tmp_path)
  assert page.read_text() == 'Nothing.'
  page.write_text(f'Before.\n{claims_table._BEGIN}\nold\n{claims_table._END}\nAfter.\n')
  claims_table.write(tmp_path)
  text = page.read_text()
  assert text.startswith('Before.\n') and text.endswith('\nAfter.\n')
  assert '\nold\n' not in text and '| C20 ' in text


def test_the_short_one_has_what_a_number_decided(tmp_path):
  (tmp_path / 'figure4').mkdir()
  rules = verdicts.rules()
  judged = [
    {'claim': 'C4', 'verdict': 'confirmed', 'interval': [1.6, 1.5, None], 'rule': 'old'},
    {'claim': 'C8', 'verdict': 'not valid', 'interval': None, 'rule': rules['C8'].hash},
    {'claim': 'C1', 'verdict': 'modelled', 'interval': [8.0, None, None], 'rule': ''},
  ]
  file = tmp_path / 'figure4' / 'figure4.json'
  file.write_text(json.dumps({'verdicts': judged}))
  page = claims_table.short(tmp_path)
  lines = [[cell.strip() for cell in line.split('|')] for line in page.splitlines()[3:5]]
  link = f'({tmp_path.name}/figure4/README.md)'
  changed = f'[confirmed]{link} (by a rule that has changed since)'
  assert lines[0][1] == 'C4' and lines[0][3:5] == ['1.6 [1.5, ∞]', changed]
  assert lines[1][1] == 'C8' and lines[1][3:5] == ['', f'[not valid]{link}']
  assert '| 8 ' in page.splitlines()[2]  # A model has one number.
  assert f'The other {len(rules) - 3} have' in page
