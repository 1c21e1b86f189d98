"""Tasks that TF_CONFIG describes, each started by hand."""

import contextlib
import json
import signal
import socket
import subprocess

import pytest

from distbelief import errors
from distbelief.cluster.launch import ports, tf_config
from tests import runs, warm

CLUSTER = {'chief': ['a:1'], 'worker': ['a:2', 'b:2'], 'ps': ['b:3']}


def description(job, index, cluster=CLUSTER):
  return {'cluster': cluster, 'task': {'type': job, 'index': index}}


def test_a_task_of_a_cluster():
  task = tf_config.parse(description('worker', '1'))  # Some systems write strings.
  assert (task.job, task.index, task.hosts) == ('worker', 1, ['a', 'b'])
  assert task.as_tf_config() == description('worker', 1)


def test_what_an_algorithm_does_without_may_be_missing():
  only_workers = description('worker', 1, {'worker': ['a:2', 'b:2']})
  assert tf_config.parse(only_workers, needed=['worker']).job == 'worker'
  with pytest.raises(errors.UserError, match='no "chief"'):
    tf_config.parse(only_workers)


@pytest.mark.parametrize(
  ('wrong', 'text'),
  [
    ({}, '"cluster"'),
    (description('worker', 0, {'worker': ['a:1'], 'ps': ['a:2']}), 'no "chief"'),
    (description('worker', 2), 'index (2)'),
    (description('worker', -1), 'index (-1)'),
    (description('worker', 'first'), 'index (first)'),
    (description('master', 0), 'type (master) must be one of chief, worker, ps'),
    (description('chief', 0, {**CLUSTER, 'helper': ['a:9']}), 'has a "helper"'),
    (description('chief', 0, {**CLUSTER, 'chief': ['a:1', 'b:1']}), 'one address'),
    (description('chief', 0, {**CLUSTER, 'ps': ['host']}), 'host:port'),
    (description('chief', 0, {**CLUSTER, 'ps': [':2']}), 'host:port'),
    (description('chief', 0, {**CLUSTER, 'ps': ['a:70000']}), 'host:port'),
    (description('chief', 0, {**CLUSTER, 'ps': 'a:2'}), 'a list of addresses'),
    (description('chief', 0, {**CLUSTER, 'ps': {'x': 'a:2'}}), 'whole numbers'),
    (description('chief', 0, {**CLUSTER, 'ps': ['b:2']}), 'worker 1 and ps 0 have the'),
    (description('chief', 0, {**CLUSTER, 'ps': {'1': 'b:3'}}), 'must know all tasks'),
    (description('worker', 0, {**CLUSTER, 'worker': {'3': 'b:9'}}), 'one of [3]'),
  ],
)
def test_a_wrong_description_gets_one_line(wrong, text):
  with pytest.raises(errors.UserError) as raised:
    tf_config.parse(wrong)
  assert text in str(raised.value) and '\n' not in str(raised.value)


def test_the_sparse_form_and_other_keys_are_understood():
  sparse = {**CLUSTER, 'worker': {'1': 'b:2', '0': 'a:2'}}
  given = {**description('chief', '0', sparse), 'environment': 'cloud'}
  task = tf_config.parse(given)
  assert task.is_whole and task.as_tf_config() == description('chief', 0)

  only_mine = {**CLUSTER, 'worker': {'1': 'b:2'}}
  given = {'sparseCluster': only_mine, 'task': {'type': 'worker', 'index': '1'}}
  task = tf_config.parse(given, directed=['worker', 'ps'])
  assert not task.is_whole and task.address == 'b:2'
  assert task.as_tf_config()['cluster']['worker'] == {1: 'b:2'}


def test_an_evaluator_is_known_and_left_out():
  with_one = {**CLUSTER, 'evaluator': ['a:9']}
  task = tf_config.parse(description('chief', 0, with_one))
  assert task.as_tf_config() == description('chief', 0)
  for cluster in (CLUSTER, with_one):  # Some systems leave it out themselves.
    assert tf_config.parse(description('evaluator', 0, cluster)).job == 'evaluator'


def test_the_index_on_a_host_counts_tasks_of_the_same_job():
  cluster = {**CLUSTER, 'worker': ['a:2', 'b:2', 'a:3', 'b:4', 'a:5']}
  found = [
    tf_config.parse(description('worker', index, cluster)).index_on_host
    for index in range(5)
  ]
  assert found == [0, 0, 1, 1, 2]


JOBS = [('ps', 0), ('ps', 1), ('worker', 0), ('worker', 1), ('chief', 0)]


@contextlib.contextmanager
def five_tasks(workdir, own=None, **fields):
  """Starts a cluster by hand; yields its processes by task.

  `own` has fields that a task has in its own way.
  """
  own = own or {}
  with contextlib.ExitStack() as stack:
    reservation = ports.Reservation(len(JOBS))
    addresses = iter(f'127.0.0.1:{port}' for port in reservation.ports)
    cluster = {'chief': [], 'worker': [], 'ps': []}
    for job, _ in JOBS:
      cluster[job].append(next(addresses))
    tasks = {}
    for job, index in JOBS:
      given = description(job, index, cluster)
      if (job, index) == ('worker', 1) and 'algorithm' not in fields:  # Downpour.
        only_mine = {**cluster, 'worker': {'1': cluster['worker'][1]}}
        given = description(job, str(index), only_mine) | {'environment': 'cloud'}
      process = warm.Process(
        runs.command(workdir, **{**runs.SMALL, **fields, **own.get((job, index), {})}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**runs.environment(), 'TF_CONFIG': json.dumps(given)},
      )
      stack.callback(process.kill)
      tasks[job, index] = process
    yield tasks


def ends(tasks):
  """Waits for all; returns their statuses and screens."""
  screens = {
    who: task.communicate(timeout=runs.TIMEOUT)[0] for who, task in tasks.items()
  }
  return {who: task.returncode for who, task in tasks.items()}, screens


@pytest.mark.cluster
@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous', 'sgd'])
def test_one_description_serves_every_algorithm(tmp_path, algorithm):
  workdir = tmp_path / 'run'
  counts = {'cluster.num_replicas': 2, 'cluster.num_parameter_servers': 2}
  if algorithm != 'downpour':
    counts['algorithm'] = algorithm
  with five_tasks(workdir, **counts) as tasks:
    statuses, screens = ends(tasks)
    assert set(statuses.values()) == {errors.DONE}, screens
    summary = json.loads((workdir / 'summary.json').read_text())
    assert summary['steps'] == runs.SMALL['num_steps']
    assert summary['algorithm'] == algorithm
    leader = ('chief', 0) if algorithm == 'downpour' else ('worker', 0)
    assert 'hold-out accuracy' in screens[leader]
    idle = {
      'downpour': [],
      'synchronous': [('ps', 0), ('ps', 1), ('chief', 0)],
      'sgd': [('ps', 0), ('ps', 1), ('chief', 0), ('worker', 1)],
    }[algorithm]
    assert len(summary['replicas']) == (1 if algorithm == 'sgd' else 2)
    for job, index in idle:
      (line,) = screens[job, index].splitlines()
      assert line.startswith(f'{job} {index} has no part in config.algorithm = ')
  with five_tasks(workdir, **counts) as tasks:  # Once more.
    statuses, screens = ends(tasks)
    assert set(statuses.values()) == {errors.DONE}, screens
    assert 'raise config.num_steps' in screens[leader]


@pytest.mark.cluster
@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous'])
def test_tasks_with_different_configs_do_not_start(tmp_path, algorithm):
  counts = {'cluster.num_replicas': 2, 'cluster.num_parameter_servers': 2}
  own = {('worker', 0): {'server.momentum': 0.5}}
  if algorithm == 'synchronous':
    counts['algorithm'] = algorithm
  with five_tasks(tmp_path / 'run', own, **counts) as tasks:
    leader = tasks['worker' if algorithm == 'synchronous' else 'chief', 0]
    screen = runs.end_of(leader, errors.BAD_INPUT)
  assert 'config.server.momentum is ' in screen
  assert screen.rstrip().endswith('it must be the same on all machines')
  assert not (tmp_path / 'run' / 'checkpoints').exists()


@pytest.mark.cluster
def test_sigterm_to_one_synchronous_worker_stops_all(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'algorithm': 'synchronous', 'num_steps': 400, 'cluster.step_seconds': 0.03}
  with five_tasks(workdir, **fields, **{'cluster.num_replicas': 2}) as tasks:
    runs.eventually(lambda: runs.num_records(workdir) > 30)
    tasks['worker', 1].send_signal(signal.SIGTERM)
    statuses, screens = ends(tasks)
  workers = [('worker', 0), ('worker', 1)]
  assert [statuses[who] for who in workers] == [errors.TERMINATED] * 2, screens
  assert 'checkpoint written at step' in screens['worker', 0]


@pytest.mark.cluster
def test_the_loss_of_a_synchronous_worker_ends_the_others_too(tmp_path):
  workdir = tmp_path / 'run'
  fields = {'algorithm': 'synchronous', 'num_steps': 400, 'cluster.step_seconds': 0.03}
  with five_tasks(workdir, **fields, **{'cluster.num_replicas': 2}) as tasks:
    runs.eventually(lambda: runs.num_records(workdir) > 30)
    tasks['worker', 0].kill()
    statuses, screens = ends(tasks)
  assert statuses['worker', 1] == errors.LOST_PEER, screens
  assert 'a task was lost' in screens['worker', 1]
  assert 'the same command resumes' in screens['worker', 1]


@pytest.mark.cluster
def test_workers_that_do_not_come_are_named(tmp_path):
  reservation = ports.Reservation(2)
  cluster = {'worker': [f'127.0.0.1:{port}' for port in reservation.ports]}
  options = {'algorithm': 'synchronous', 'cluster.start_timeout': 7}
  options['cluster.num_replicas'] = 2
  task = warm.run(
    runs.command(tmp_path / 'run', **{**runs.SMALL, **options}),
    timeout=runs.TIMEOUT,
    env={
      **runs.environment(),
      'TF_CONFIG': json.dumps(description('worker', 0, cluster)),
    },
  )
  assert task.returncode == errors.LOST_PEER
  waiting, error = task.stderr.splitlines()[-2:]
  assert waiting.startswith(f'waiting for worker 1 at {cluster["worker"][1]}, ')
  assert error.startswith(f'error: no worker 1 at {cluster["worker"][1]} after 7 s')


@pytest.mark.cluster
def test_a_synchronous_workers_port_that_is_taken_is_named(tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    cluster = {'worker': [f'127.0.0.1:{port}', '127.0.0.1:9']}
    options = {'algorithm': 'synchronous', 'cluster.num_replicas': 2}
    task = warm.run(
      runs.command(tmp_path / 'run', **{**runs.SMALL, **options}),
      timeout=runs.TIMEOUT,
      env={
        **runs.environment(),
        'TF_CONFIG': json.dumps(description('worker', 0, cluster)),
      },
    )
  assert task.returncode == errors.BAD_INPUT
  assert f'error: worker 0 cannot listen at 127.0.0.1:{port}: is its port' in task.stderr


def test_another_number_of_tasks_than_the_config_says_is_refused(tmp_path):
  task = warm.run(
    runs.command(tmp_path / 'run', **{'cluster.num_replicas': 3}),
    timeout=runs.TIMEOUT,
    env={**runs.environment(), 'TF_CONFIG': json.dumps(description('worker', 0))},
  )
  assert task.returncode == errors.BAD_INPUT
  assert task.stderr.startswith('error: config.cluster.num_replicas (3) differs')
