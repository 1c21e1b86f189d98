"""The table of runs side by side."""

import json
import re

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.experiments import comparison


def finished(folder, summary=None, **fields):
  """A run's directory with what the table reads of it."""
  config = config_lib.default_config()
  config.cluster.num_replicas = 4
  config.update_from_flattened_dict(fields)
  folder.mkdir()
  (folder / 'config.json').write_text(config_lib.to_json(config))
  told = {
    'algorithm': config.algorithm,
    'seconds': 12.34,
    'steps': 1600,
    'examples_per_second': 4567.8,
    'holdout_accuracy': 0.34567,
    'target_accuracy': config.target_accuracy,
    'seconds_to_target': None,
    'staleness': {'mean': 2.716},
    'provenance': {},
    'replicas': [{'waiting': 0.1}, {'waiting': 0.3}, {'waiting': None}],
  }
  (folder / 'summary.json').write_text(json.dumps({**told, **(summary or {})}))
  return folder


def cells(text):
  """The table's cells; the line under the head shows where columns are."""
  lines = text.split('\n\n')[0].splitlines()
  columns = [match.span() for match in re.finditer('-+', lines[1])]
  return [[line[start:end].strip() for start, end in columns] for line in lines]


def test_a_line_per_run(tmp_path):
  padded = {'cluster.step_seconds': 0.1, 'target_accuracy': 0.3}
  rows = [
    comparison.row(finished(tmp_path / 'a', **padded)),
    comparison.row(
      finished(
        tmp_path / 'b',
        {'seconds_to_target': 7.77, 'staleness': {'mean': None}, 'replicas': []},
        **{**padded, 'algorithm': 'synchronous', 'cluster.slowdown': (1, 1, 1, 4)},
      )
    ),
  ]
  head, _, first, second = cells(comparison.table(rows))
  assert head == [
    *('algorithm', 'machines', 'seconds', 'steps', 'examples/s', 'accuracy'),
    *('to 0.3', 'stale', 'waits'),
  ]
  assert first == [
    *('downpour', '1 1 1 1', '12.3', '1600', '4568', '0.346', 'never', '2.72', '20%'),
  ]
  assert second[:2] == ['synchronous', '1 1 1 4'] and second[6:] == ['7.8', '-', '-']


def test_it_fits_a_terminal(tmp_path):
  fields = {'algorithm': 'synchronous', 'target_accuracy': 0.25}
  summary = {'seconds': 12345.6, 'steps': 100_000, 'examples_per_second': 123456.0}
  rows = [comparison.row(finished(tmp_path / 'a', summary, **fields))]
  assert max(map(len, comparison.table(rows).splitlines())) <= 80


@pytest.mark.parametrize(
  ('fields', 'text'),
  [
    ({}, '4 as is'),
    ({'cluster.step_seconds': 0.1}, '1 1 1 1'),
    ({'cluster.slowdown': (1, 1, 1, 4)}, '1 1 1 4'),  # Under the virtual clock.
    ({'cluster.step_seconds': 0.1, 'cluster.slowdown': (1, 1.5, 1, 4)}, '1 1.5 1 4'),
    ({'cluster.step_seconds': 0.1, 'algorithm': 'sgd'}, '1'),
    ({'cluster.step_seconds': 0.1, 'cluster.num_replicas': 20}, '20: 1-1'),
  ],
)
def test_how_fast_the_machines_are(fields, text):
  config = config_lib.default_config()
  config.cluster.num_replicas = 4
  config.update_from_flattened_dict(fields)
  assert comparison.machines(config) == text


def test_a_target_that_was_not_set_is_not_missed(tmp_path):
  rows = [comparison.row(finished(tmp_path / 'a', **{'downpour.overlap': True}))]
  head, _, line = cells(comparison.table(rows))
  assert head[6] == 'to target' and line[6] == '-'
  assert line[0] == 'downpour +overlap'


def test_a_directory_without_a_run_is_named(tmp_path):
  with pytest.raises(errors.UserError, match='holds no finished run'):
    comparison.row(tmp_path)
