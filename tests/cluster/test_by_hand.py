"""Tasks that TF_CONFIG describes, each started by hand."""

import contextlib
import json
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


@pytest.mark.cluster
def test_five_tasks_train_and_all_end_by_themselves(tmp_path):
  workdir = tmp_path / 'run'
  jobs = [('ps', 0), ('ps', 1), ('worker', 0), ('worker', 1), ('chief', 0)]
  with contextlib.ExitStack() as stack:
    reservation = ports.Reservation(len(jobs))
    addresses = iter(f'127.0.0.1:{port}' for port in reservation.ports)
    cluster = {'chief': [], 'worker': [], 'ps': []}
    for job, _ in jobs:
      cluster[job].append(next(addresses))
    tasks = []
    for job, index in jobs:
      process = subprocess.Popen(
        runs.command(
          workdir,
          **{**runs.SMALL, 'cluster.num_replicas': 2, 'cluster.num_parameter_servers': 2},
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
          **runs.environment(),
          'TF_CONFIG': json.dumps(description(job, index, cluster)),
        },
      )
      stack.callback(process.kill)
      tasks.append(process)
    screens = [task.communicate(timeout=runs.TIMEOUT)[0] for task in tasks]
  assert [task.returncode for task in tasks] == [errors.DONE] * len(jobs), screens
  summary = json.loads((workdir / 'summary.json').read_text())
  assert summary['steps'] == runs.SMALL['num_steps']
  assert len(summary['replicas']) == 2 and 'hold-out accuracy' in screens[-1]


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
