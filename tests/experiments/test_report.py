"""The page that compares runs."""

import html.parser
import re
import sys

import pytest

from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.command_line import report as command
from distbelief.experiments import report
from tests.analysis import made_up_run

ROWS = [(1.0, 20, 1280, 20, 2.0, 1.9, 0.2), (4.0, 200, 12800, 200, 1.8, 1.7, 0.35)]
SYNCHRONOUS_ROWS = [
  (2.0, 60, 3840, 20, 1.9, 1.8, 0.3),
  (9.0, 180, 11520, 60, 1.7, 1.6, 0.4),
]


@pytest.fixture
def runs(tmp_path):
  fields = {'target_accuracy': 0.3, 'cluster.step_seconds': 0.1}
  one = made_up_run.downpour([0.1, 0.1, 0.4], 200, num_shards=2)
  other = made_up_run.synchronous([0.1, 0.1, 0.4], 60)
  return [
    made_up_run.write(tmp_path / 'a' / 'asynchronous', one, ROWS, **fields),
    made_up_run.write(
      *(tmp_path / 'a' / 'together', other, SYNCHRONOUS_ROWS),
      **{**fields, 'algorithm': 'synchronous'},
    ),
  ]


class Page(html.parser.HTMLParser):
  """What a page has: cells of its tables, sources, tags that are open at its end."""

  def __init__(self, text):
    super().__init__()
    self.rows, self.sources, self.open = [], [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.sources += [v for k, v in attrs if k == 'src' or (k == 'href' and tag == 'link')]
    if tag == 'tr':
      self.rows.append([])
    if tag in ('td', 'th'):
      self.rows[-1].append('')
    if tag not in ('meta', 'br', 'img', 'li'):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if self.open and self.open[-1] in ('td', 'th'):
      self.rows[-1][-1] += data


def test_the_page_stands_alone(tmp_path, runs):
  path = report.write([Run(r) for r in runs], tmp_path / 'report')
  page = Page(path.read_text())
  assert page.open == []
  assert page.sources and all(
    s.startswith('data:image/png;base64,') for s in page.sources
  )
  names = {p.name for p in path.parent.iterdir()}
  assert {'learning.png', 'timeline.png', 'time_spent.png'} <= names
  assert {'asynchronous-staleness.png', 'asynchronous-trace.json.gz'} <= names
  for name in re.findall(r'href="([^"]+)"', path.read_text()):
    assert (path.parent / name).exists()


def test_the_table_has_measured_numbers(tmp_path, runs):
  path = report.write([Run(r) for r in runs], tmp_path / 'report')
  rows = {row[0]: row[1:] for row in Page(path.read_text()).rows if len(row) == 3}
  assert rows['algorithm'] == ['downpour', 'synchronous']
  asynchronous, together = rows['part of their time that replicas wait, mean']
  assert int(asynchronous[:-1]) <= 3 and together == '49%'  # (0.73 + 0.73 + 0) / 3.
  assert rows['consistent (staleness 0)'][1] == '100%'
  assert rows['staleness: mean (theory)'][1] == '0.00 (0.00)'
  assert float(rows['staleness: mean (theory)'][0].split()[0]) == pytest.approx(
    2, rel=0.2
  )
  assert rows['accuracy at the end'] == ['0.350', '0.400']
  # As many updates, and as many examples, as both have had.
  assert rows['after 60 updates'] == ['0.200 at 20', '0.400 at 60']
  assert rows['after 11,520 examples'] == ['0.200 at 1,280', '0.400 at 11,520']
  assert rows['seconds to the target accuracy'] == ['0.3: 4.0', '0.3: 2.0']
  assert rows["skew of the shards' versions in a fetch, mean"][1] == '-'
  groups = {row[0] for row in Page(path.read_text()).rows}
  assert {'Waiting', 'Gradients', 'Throughput', 'Convergence', 'Tuning'} <= groups


def test_a_run_under_way_is_shown_with_what_it_has(tmp_path, runs):
  made = made_up_run.downpour([0.1, 0.1], 50)
  young = made_up_run.write(tmp_path / 'a' / 'young', made, finished=False)
  younger = made_up_run.write(tmp_path / 'a' / 'younger', made[:1], finished=False)
  file = younger / 'steps' / '000.bin'
  file.write_bytes(file.read_bytes()[:4096])
  path = report.write([Run(r) for r in [*runs, young, younger]], tmp_path / 'report')
  text = path.read_text()
  assert 'young</b>: not finished' in text and 'no step on record' in text
  rows = {row[0]: row[1:] for row in Page(text).rows if len(row) == 5}
  assert rows['examples/s'][2] != '-' and rows['examples/s'][3] == '-'
  assert rows['accuracy at the end'][2:] == ['-', '-']
  assert rows['seconds to the target accuracy'][2] == 'no target'


def test_runs_of_one_name_are_told_apart(tmp_path):
  made = made_up_run.downpour([0.1, 0.1], 20)
  paths = [made_up_run.write(tmp_path / x / 'run', made, ROWS) for x in 'ab']
  path = report.write([Run(p) for p in paths], tmp_path / 'report')
  assert '<th>a-run</th><th>b-run</th>'.replace('><', '>\n<') in path.read_text()


def test_what_a_name_holds_is_no_markup(tmp_path):
  made = made_up_run.downpour([0.1], 5)
  path = made_up_run.write(tmp_path / '<script>x', made, ROWS)
  text = report.write([Run(path)], tmp_path / 'report').read_text()
  assert '<script>' not in text and '&lt;script&gt;' in text


def test_the_command_writes_beside_the_runs(tmp_path, runs, call):
  status, out, _ = call(command.main, f'--runs={runs[0]},{runs[1]}')
  assert status == errors.DONE
  assert str(tmp_path / 'a' / 'report' / 'report.html') in out
  call(command.main, f'--runs={runs[0]}', f'--output={tmp_path / "here"}')
  assert (tmp_path / 'here' / 'report.html').exists()


@pytest.mark.parametrize(
  ('words', 'text'),
  [
    (['--runs={}'], 'holds no run'),
    (['--runs='], '--runs names no run: python scripts/report.py --runs=DIR1'),
    ([], '--runs names no run'),
    (['--runs={}', 'more'], "'more' is not understood: --runs=DIR1,DIR2 takes no spaces"),
    (['--rums=x'], '--rums is unknown: did you mean --runs?'),
  ],
)
def test_the_command_refuses_what_is_no_run_in_one_line(tmp_path, call, words, text):
  found = call(command.main, *(word.format(tmp_path) for word in words))
  status, out, err = found
  (line,) = err.splitlines()
  assert (status, out) == (errors.BAD_INPUT, '')
  assert line.startswith('error: ') and text in line


def test_what_draws_is_named_when_it_is_missing(tmp_path, runs, call, monkeypatch):
  monkeypatch.setitem(sys.modules, 'distbelief.experiments.report', None)
  monkeypatch.delattr('distbelief.experiments.report', raising=False)
  status, _, err = call(command.main, f'--runs={runs[0]}')
  assert status == errors.BAD_INPUT
  assert err.endswith(" is missing: pip install -e '.[plots]'\n")
