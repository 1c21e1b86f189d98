"""What a task of a cluster is given of its machine."""

import os

import pytest

from distbelief import config as config_lib
from distbelief.cluster import serving
from distbelief.cluster.launch import tasks
from distbelief.rundir.context import RunContext
from distbelief.telemetry import provenance


@pytest.mark.parametrize(('processors', 'threads'), [({0, 5}, 1), (set(range(8)), 4)])
def test_replicas_share_the_processors_that_may_be_used(
  tmp_path, monkeypatch, processors, threads
):
  """Not all that the machine has: a batch system gives a job its part of them."""
  given = []
  monkeypatch.setattr(os, 'cpu_count', lambda: 64)
  monkeypatch.setattr(os, 'sched_getaffinity', lambda unused_pid: processors)
  monkeypatch.setattr(serving, 'serve', lambda *words, threads: given.append(threads))
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  tf_config = {'cluster': {'worker': ['a:1', 'a:2']}}
  origin = provenance.Invocation([], 0.0)
  context = RunContext(config_lib.default_config(), tmp_path, None, origin)
  tasks.run('worker', 0, tf_config, context, lambda: None)
  assert given == [threads]
