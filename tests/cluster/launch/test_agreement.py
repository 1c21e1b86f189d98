"""Tasks of several machines compare what they run."""

import threading

import pytest

from distbelief import config as config_lib
from distbelief import errors
from distbelief.cluster.launch import agreement, tf_config
from distbelief.telemetry import provenance

CLUSTER = {'chief': ['a:1'], 'worker': ['a:2', 'b:2'], 'ps': ['b:3']}
TASKS = [('chief', 0), ('worker', 0), ('worker', 1), ('ps', 0)]


def task(job, index, cluster=CLUSTER, **more):
  return tf_config.parse(
    {'cluster': cluster, 'task': {'type': job, 'index': index}}, **more
  )


def config(**fields):
  made = config_lib.default_config()
  made.update_from_flattened_dict(fields)
  return made


def announce(workdir, *but, **fields):
  for who in TASKS:
    if who not in but:
      agreement.announce(workdir, task(*who), config(**fields))


def refusal(workdir, patience=0.0):
  with pytest.raises(errors.UserError) as raised:
    agreement.check(workdir, task('chief', 0), list(CLUSTER), patience)
  assert '\n' not in str(raised.value) and raised.value.status == errors.BAD_INPUT
  return str(raised.value)


def test_tasks_that_have_the_same_agree(tmp_path):
  announce(tmp_path)
  agreement.check(tmp_path, task('chief', 0), list(CLUSTER), patience=0)


def test_what_each_machine_may_have_its_way_is_not_compared(tmp_path):
  announce(tmp_path, ('worker', 1))
  own = config(**{'cluster.device': 'cpu', 'cluster.start_timeout': 7.0})
  agreement.announce(tmp_path, task('worker', 1), own)
  agreement.check(tmp_path, task('chief', 0), list(CLUSTER), patience=0)


def test_another_config_is_named(tmp_path):
  announce(tmp_path, ('worker', 1))
  agreement.announce(tmp_path, task('worker', 1), config(**{'downpour.n_push': 3}))
  assert refusal(tmp_path) == (
    'config.downpour.n_push is 1 on chief 0, and 3 on worker 1: it must be the same on '
    'all machines'
  )


def test_another_version_is_named(tmp_path, monkeypatch):
  announce(tmp_path, ('ps', 0))
  versions = {**provenance.versions(), 'tensorflow': '2.0.0'}
  monkeypatch.setattr(provenance, 'versions', lambda: versions)
  agreement.announce(tmp_path, task('ps', 0), config())
  assert refusal(tmp_path).startswith("package tensorflow is '2.")
  assert refusal(tmp_path).endswith(
    "'2.0.0' on ps 0: it must be the same on all machines"
  )


def test_another_address_is_named(tmp_path):
  announce(tmp_path, ('worker', 0))
  other = {**CLUSTER, 'ps': ['b:4']}
  agreement.announce(tmp_path, task('worker', 0, other), config())
  assert refusal(tmp_path).startswith("address of ps 0 is 'b:3' on chief 0, and 'b:4' on")


def test_a_task_that_knows_only_some_others_agrees(tmp_path):
  announce(tmp_path, ('worker', 1))
  some = {**CLUSTER, 'worker': {'1': 'b:2'}}
  mine = task('worker', 1, some, directed=['worker'])
  agreement.announce(tmp_path, mine, config(**{'cluster.num_replicas': 7}))
  agreement.check(tmp_path, task('chief', 0), list(CLUSTER), patience=0)


def test_a_workdir_that_is_not_shared_is_noticed(tmp_path):
  announce(tmp_path, ('worker', 1))
  assert 'worker 1 answers, but has left nothing in' in refusal(tmp_path, 0.3)


def test_a_shared_disk_may_be_slow(tmp_path):
  announce(tmp_path, ('worker', 1))
  late = threading.Timer(0.3, announce, [tmp_path])
  late.start()
  agreement.check(tmp_path, task('chief', 0), list(CLUSTER), patience=60)
  late.join()


def test_a_workdir_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.UserError, match=r'cannot be written.*all machines share'):
    agreement.announce(tmp_path / 'file', task('ps', 0), config())


def test_a_disk_that_fails_is_told_as_one(tmp_path):
  assert refusal(tmp_path) == (
    f'--workdir ({tmp_path}) cannot be read: No such file or directory; it must be on a '
    'disk that all machines share'
  )
