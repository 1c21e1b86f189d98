"""Real runs, replayed in NumPy from their step records (tests/slow_truth.py)."""

import numpy as np
import pytest

from distbelief import learning
from tests import slow_truth
from tests.cluster import runs

pytestmark = pytest.mark.cluster


def truth_of(workdir, num_replicas, num_shards):
  config = runs.config_of(workdir)
  source = learning.source_of(config)
  initial = [t.numpy() for t in learning.objective_of(config, source).initial]
  return slow_truth.Truth(
    initial,
    num_shards,
    config.server.optimizer,
    config.server.learning_rate,
    config.downpour.learning_rate,
    config.downpour.n_fetch,
    config.downpour.n_push,
    runs.minibatches_of(config, num_replicas),
  )


@pytest.mark.parametrize('optimizer', ['sgd', 'adagrad'])
@pytest.mark.parametrize('overlap', [False, True])
def test_records_explain_the_parameters(tmp_path, optimizer, overlap):
  workdir = tmp_path / 'run'
  fields = {
    'cluster.num_replicas': 4,
    'cluster.num_parameter_servers': 3,
    'downpour.n_fetch': 3,
    'downpour.n_push': 2,
    'downpour.overlap': overlap,
    'downpour.warmstart_steps': 20,
    'server.optimizer': optimizer,
    'num_steps': 500,
  }
  summary = runs.train(workdir, **fields)
  records = runs.read(workdir)
  found = runs.checkpointed(workdir)
  assert len(found) % 3, 'the shards must be uneven'
  assert summary['steps'] == 500
  assert (records['status'] == 1).all() and len(records) == 500

  truth = truth_of(workdir, 4, 3).replay(records)
  assert runs.relative_error(found, truth) < 1e-4

  without_one = np.delete(records, 250)
  with pytest.raises(AssertionError):
    truth_of(workdir, 4, 3).replay(without_one)
  swapped = records.copy()
  first, second = np.flatnonzero(records['pushed'] & (records['replica'] == 1))[5:7]
  swapped['version_applied'][[first, second]] = records['version_applied'][
    [second, first]
  ]
  with pytest.raises(AssertionError):
    replayed = truth_of(workdir, 4, 3).replay(swapped)
    assert runs.relative_error(found, replayed) < 1e-4
