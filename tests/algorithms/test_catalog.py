"""An algorithm is one file: what others ask of it, and that nobody compares its name."""

import json
import pkgutil

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.algorithms import catalog, definition, traffic
from tests import copies, named

CATALOG = copies.PACKAGE / 'algorithms' / 'catalog'
SOURCES = [path for path in copies.SOURCES if not path.is_relative_to(CATALOG)]


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: path.stem)
def test_nobody_else_asks_for_an_algorithm_s_name(path):
  lines = named.asked_for(path.read_text(), catalog.names())
  assert not lines, f'{path}: ask the algorithm (algorithms/definition.py) instead'


@pytest.mark.parametrize(
  'text',
  [
    "x == 'sgd'",
    "'sgd' != x",
    "x in ('sgd', 'other')",
    "x not in {'sgd'}",
    "{'sgd': 1}[x]",
    'dict(sgd=1)',
    "match x:\n  case 'sgd':\n    pass",
    "match x:\n  case 'other' | 'sgd':\n    pass",
    "x.startswith('sgd')",
    "found['sgd']",
  ],
)
def test_the_look_for_names_finds_them(text):
  assert named.asked_for(text, ('sgd',))


@pytest.mark.parametrize(
  'text', ["{'algorithm': 'sgd'}", "x = 'sgd'", "model.compile('sgd')", "x == 'other'"]
)
def test_to_choose_an_algorithm_is_not_to_ask_for_one(text):
  assert not named.asked_for(text, ('sgd',))


@pytest.mark.parametrize('name', catalog.names())
def test_what_an_algorithm_names_is_there(name):
  algorithm = catalog.get(name)
  assert algorithm.name == name
  for clock in algorithm.trainers:
    assert clock in config_lib.CLOCKS
    assert callable(algorithm.trainer(clock))
  if algorithm.schedule is not None:
    assert all(map(callable, algorithm.replay_parts()))
  for field in algorithm.fields:
    assert field.name.startswith(f'{name}.')
  known = {field.name for field in config_lib.FIELDS}
  assert known.issuperset(algorithm.learning_rate_fields)


@pytest.mark.parametrize('name', catalog.names())
def test_an_algorithm_s_jobs_hang_together(name):
  config = config_lib.default_config()
  config.algorithm = name
  jobs, algorithm = config_lib.jobs(config), catalog.get(name)
  leader = next(iter(jobs))
  assert leader not in algorithm.directed_jobs
  assert jobs.keys() >= {'worker', *algorithm.directed_jobs}
  assert ('ps' in jobs) == algorithm.has_server
  assert algorithm.labels.leader in (leader, f'{leader} 0')


def test_who_waits():
  facts = {
    one.name: (one.has_server, one.replicas_wait, one.is_asynchronous)
    for one in catalog.everything()
  }
  assert facts['downpour'] == (True, False, True)
  assert facts['synchronous'] == (False, True, False)
  assert facts['sgd'] == (False, False, False)


def test_an_unknown_name_is_refused():
  with pytest.raises(errors.ConfigError, match=r"'sdg'.* one of downpour, sgd, sync"):
    catalog.get('sdg')


def test_bytes_of_an_exchange():
  exchange = traffic.Exchange(fetches=3, pushes=5, updates=7, num_replicas=4)
  moved = {one.name: one.count_bytes(exchange, 1000) for one in catalog.everything()}
  assert moved['downpour'] == 8000
  assert moved['synchronous'] == 7 * 2 * 3 * 1000  # 2 (N - 1) / N by each of N.
  assert moved['sgd'] == 0


def test_a_clock_without_a_trainer_is_refused(monkeypatch):
  labels = definition.Labels(title='nobody')
  only = {'virtual': 'somewhere:Trainer'}
  odd = catalog.Algorithm(name='odd', summary='', labels=labels, trainers=only)
  monkeypatch.setattr(catalog, 'get', lambda name: odd)
  with pytest.raises(errors.ConfigError, match=r"\('odd'\) cannot.* --clock=virtual$"):
    config_lib.check(config_lib.default_config())
  config_lib.check(config_lib.default_config(), 'virtual')
  with pytest.raises(errors.ConfigError, match='cannot be replayed'):
    odd.replay_parts()


def test_the_launcher_is_free_of_tensorflow():
  """The process that Ctrl-C reaches starts at once, and has nothing to hang on."""
  program = (
    'import sys\n'
    'from distbelief import command_line, config, run\n'
    'from distbelief.rundir import workdirs\n'
    'from distbelief.cluster.launch import external_task, local, supervisor\n'
    'from distbelief.algorithms import catalog\n'
    'made = config.default_config()\n'
    'config.check(made); config.jobs(made); catalog.everything()\n'
    "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
  )
  found = copies.run_python(program, copies.PACKAGE.parent)
  assert found.stdout.strip() == '[]', found.stderr


FOURTH = '''"""Nobody does anything."""
from distbelief.algorithms.catalog import Algorithm, Labels
from distbelief.declarations.config_field import Field, at_least

ALGORITHM = Algorithm(
  name='fourth',
  summary='it is not clear who waits',
  labels=Labels(title='the fourth', push='gossip', updates='walls', leader='worker 0'),
  trainers={'virtual': 'distbelief.nowhere:Trainer'},
  jobs=lambda config, num_replicas: {'worker': num_replicas + 1},
  fields=(Field('fourth.rate', 0.5, 'How fast.', at_least(0)),),
  learning_rate_fields=('fourth.rate',),
)
'''

ASK = """
import json, pathlib, sys
from distbelief import config as config_lib
from distbelief.command_line import train
from distbelief.algorithms import catalog
from distbelief.analysis import staleness, trace, utilisation
from distbelief.analysis.run import Run
from distbelief.experiments import comparison, report
from distbelief.pictures import gallery

config = config_lib.default_config()
config.algorithm = 'fourth'
config_lib.check(config, 'virtual')
words = ['train', '--config=any.py', '--config.algorithm=fourth', '--clock=virtual']
pathlib.Path('any.py').write_text('from distbelief import default_config as get_config')
run = Run(sys.argv[1])
statuses = []
for rate in (0.25, -1):  # Flags of fields are looked for in sys.argv.
  sys.argv = [*words, f'--config.fourth.rate={rate}', '--print_config']
  statuses.append(train.main(sys.argv))
drawn = gallery.of_run(run)
events = trace.make(run).events
columns = report.write([run], pathlib.Path('report')).read_text()
print(json.dumps({
  'statuses': statuses,
  'jobs': config_lib.jobs(config),
  'rate': config_lib.learning_rate(config),
  'theory': staleness.theory(config, 0.1),
  'algorithm': comparison.algorithm(run.config),
  'names': sorted({event['name'] for event in events}),
  'rooms': [e['args']['name'] for e in events if e['name'] == 'process_name'],
  'pictures': sorted(drawn),
  'tensorflow': 'tensorflow' in sys.modules,
}))
"""


def test_a_fourth_algorithm_is_a_file(tmp_path):
  """Dropped into a copy of the package, it is accepted with no other change."""
  from tests.analysis import made_up_run

  workdir = made_up_run.write(tmp_path / 'run', made_up_run.downpour([0.1] * 2, 50))
  config = json.loads((workdir / 'config.json').read_text())
  (workdir / 'config.json').write_text(json.dumps(config | {'algorithm': 'fourth'}))
  copy = copies.of_package(tmp_path / 'copy', {'algorithms/catalog/fourth.py': FOURTH})
  result = copies.run_python(ASK, copy, workdir)
  assert result.returncode == 0, result.stderr
  *printed, last = result.stdout.splitlines()
  found = json.loads(last)
  assert found['statuses'] == [errors.DONE, errors.BAD_INPUT], result.stderr
  assert 'config.fourth.rate (-1.0) must be at least 0' in result.stderr
  assert any('fourth (it is not clear who waits)' in line for line in printed)
  assert any(line.startswith('config.fourth.rate = 0.25 ') for line in printed)
  assert found['jobs'] == {'worker': 3} and found['rate'] == 0.5
  assert found['theory'] is None
  assert found['algorithm'] == 'fourth'
  assert 'gossip' in found['names'] and 'push' in found['names']  # The arrows.
  assert found['rooms'] == ['replicas', 'walls', 'worker 0']
  assert found['pictures'] == ['staleness', 'timeline']
  assert not found['tensorflow']


def test_all_files_of_the_catalog_are_algorithms():
  modules = {module.name for module in pkgutil.iter_modules([str(CATALOG)])}
  assert modules == set(catalog.names())
