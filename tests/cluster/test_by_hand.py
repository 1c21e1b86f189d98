"""Tasks that TF_CONFIG describes, each started by hand."""

import contextlib
import json
import signal
import socket
import subprocess

import pytest

from distbelief import errors
from distbelief.cluster import ports, tf_config
from tests.cluster import runs

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
    (description('evaluator', 0), 'type (evaluator)'),
    (description('chief', 0, {**CLUSTER, 'evaluator': ['a:9']}), '"evaluator"'),
    (description('chief', 0, {**CLUSTER, 'ps': ['host']}), 'host:port'),
  ],
)
def test_a_wrong_description_gets_one_line(wrong, text):
  with pytest.raises(errors.UserError) as raised:
    tf_config.parse(wrong)
  assert text in str(raised.value) and '\n' not in str(raised.value)


JOBS = [('ps', 0), ('ps', 1), ('worker', 0), ('worker', 1), ('chief', 0)]


@contextlib.contextmanager
def five_tasks(workdir, **fields):
  """Starts a cluster by hand; yields its processes by task."""
  with contextlib.ExitStack() as stack:
    reservation = ports.Reservation(len(JOBS))
    addresses = iter(f'127.0.0.1:{port}' for port in reservation.ports)
    cluster = {'chief': [], 'worker': [], 'ps': []}
    for job, _ in JOBS:
      cluster[job].append(next(addresses))
    tasks = {}
    for job, index in JOBS:
      process = subprocess.Popen(
        runs.command(workdir, **{**runs.SMALL, **fields}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
          **runs.environment(),
          'TF_CONFIG': json.dumps(description(job, index, cluster)),
        },
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
  with five_tasks(workdir, algorithm=algorithm, **counts) as tasks:
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
  with five_tasks(workdir, algorithm=algorithm, **counts) as tasks:  # Once more.
    statuses, screens = ends(tasks)
    assert set(statuses.values()) == {errors.DONE}, screens
    assert 'raise config.num_steps' in screens[leader]


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
  task = subprocess.run(
    runs.command(tmp_path / 'run', **{**runs.SMALL, **options}),
    capture_output=True,
    text=True,
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
    task = subprocess.run(
      runs.command(tmp_path / 'run', **{**runs.SMALL, **options}),
      capture_output=True,
      text=True,
      timeout=runs.TIMEOUT,
      env={
        **runs.environment(),
        'TF_CONFIG': json.dumps(description('worker', 0, cluster)),
      },
    )
  assert task.returncode == errors.BAD_INPUT
  assert f'error: worker 0 cannot listen at 127.0.0.1:{port}: is its port' in task.stderr


def test_another_number_of_tasks_than_the_config_says_is_refused(tmp_path):
  task = subprocess.run(
    runs.command(tmp_path / 'run', **{'cluster.num_replicas': 3}),
    capture_output=True,
    text=True,
    timeout=runs.TIMEOUT,
    env={**runs.environment(), 'TF_CONFIG': json.dumps(description('worker', 0))},
  )
  assert task.returncode == errors.BAD_INPUT
  assert task.stderr.startswith('error: config.cluster.num_replicas (3) differs')
