"""Runs on a GPU, where there is one."""

import json
import os

import pytest

from distbelief.cluster.launch import environment
from tests import runs

pytestmark = [
  pytest.mark.cluster,
  pytest.mark.gpu,
  pytest.mark.skipif(not environment.gpus(os.environ), reason='no GPU here'),
]


@pytest.mark.parametrize('algorithm', ['downpour', 'synchronous', 'sgd'])
def test_a_run_on_gpus_learns_what_one_on_processors_does(tmp_path, algorithm):
  found = []
  for device in ('gpu', 'cpu'):
    workdir = tmp_path / device
    fields = {'algorithm': algorithm, 'cluster.device': device, 'cluster.num_replicas': 1}
    summary = runs.train(workdir, **fields)
    assert (
      json.loads((workdir / 'config.json').read_text())['cluster']['device'] == device
    )
    found.append(summary['holdout_accuracy'])
  assert found[0] == pytest.approx(found[1], abs=0.05)
