"""Numbers of the pages are those of the files that scripts wrote."""

import json

import pytest

from distbelief.experiments import tolerances
from tests.docs import pages

RESULT = pages.ROOT / 'paper_results' / 'packaged_models' / 'models.json'
TITLES = {
  'mobilenet': 'MobileNet, a quarter of its filters (`keras.applications`)',
  'efficientnet': 'EfficientNetB0 (`keras.applications`)',
  'vision_transformer': 'vision transformer, two layers (`keras_hub`)',
  'mobilenet_v2': 'MobileNetV2',
}


def trained_rows(found):
  for name, row in found['models'].items():
    own, other = row['distbelief'], row['fit']
    yield (
      f'| {TITLES[name]} | {row["parameters"]:,} | {row["num_steps"]:,} | '
      f'{own["holdout_accuracy"]:.1%} | {other["holdout_accuracy"]:.1%} | '
      f'{row["replay_difference"]:.1e} |'
    )


def started_rows(found):
  for name, row in found['started'].items():
    own, other = (
      sorted(row[field])[len(row[field]) // 2]
      for field in ('first_step_seconds', 'fit_first_step_seconds')
    )
    yield (
      f'| {TITLES[name].partition(" (")[0]} | {row["parameters"]:,} | {other:.1f} | '
      f'{own:.1f} | {row["median_ratio"]:.1f} |'
    )


@pytest.mark.parametrize(
  'page', ['docs/how-to/packaged-models.md', 'paper_results/packaged_models/README.md']
)
def test_models_of_packages(page):
  found = json.loads(RESULT.read_text())
  text = (pages.ROOT / page).read_text()
  for row in [*trained_rows(found), *started_rows(found)]:
    assert row in text, row
  for row in found['started'].values():
    assert row['median_ratio'] < found['bound']


@pytest.mark.parametrize(
  'file',
  ['asynchrony/asynchrony', 'side_by_side/side_by_side', 'simulator/theory'],
)
def test_claims_about_clocks(file):
  path = (pages.ROOT / 'paper_results' / file).with_suffix('.json')
  table = tolerances.table(json.loads(path.read_text())['claims'])
  assert table.strip() in (path.parent / 'README.md').read_text()


def test_figure_4_in_the_readme():
  file = pages.ROOT / 'paper_results' / 'figure4' / 'figure4.json'
  found = {j['claim']: j for j in json.loads(file.read_text())['verdicts']}
  text = ' '.join((pages.ROOT / 'README.md').read_text().split())
  for claim in ('C4', 'C5'):
    numbers = found[claim]['why'].rpartition(': ')[2]
    assert f' {numbers} times as long' in text, numbers
    assert f'{claim}, {found[claim]["verdict"]}' in text
  decided = [j for j in found.values() if j['verdict'] in ('confirmed', 'refuted')]
  assert f'{len(decided)} of its {len(found)} claims decided' in text
