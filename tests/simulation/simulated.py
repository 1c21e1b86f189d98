"""Runs under the virtual clock, in this process."""

import io
import json

from distbelief import config as config_lib
from distbelief import run
from distbelief.simulation import launch
from distbelief.telemetry import provenance, records
from tests import runs
from tests.cluster import test_slow_truth

SMALL = {
  **runs.SMALL,
  'cluster.step_seconds': 0.1,
  'cluster.step_distribution': 'gamma',
}


def config_of(**fields):
  config = config_lib.default_config()
  config.update_from_flattened_dict({**SMALL, **fields})
  return config


def train(workdir, **fields):
  """Runs to the end; returns the summary."""
  config = config_of(**fields)
  assert run.launch(config, str(workdir), command=['test'], clock='virtual') == 0
  return json.loads((workdir / 'summary.json').read_text())


def screen_of(workdir, **fields):
  """Runs to the end; returns what is shown."""
  stream = io.StringIO()
  origin = provenance.Invocation.of_this_process()
  workdir.mkdir()
  config = config_of(**fields)
  (workdir / 'config.json').write_text(config_lib.to_json(config))
  assert launch.launch(config, str(workdir), origin, stream) == 0
  return stream.getvalue()


def truth_of(workdir, **more):
  """The run's parameters, by NumPy from its records (tests/slow_truth.py)."""
  config = runs.config_of(workdir)
  num_replicas = config_lib.num_replicas(config)
  num_shards = config_lib.jobs(config)['ps']
  truth = test_slow_truth.truth_of(workdir, num_replicas, num_shards, **more)
  found = records.read(workdir)
  # What died with its replica was never computed.
  return truth.replay(found[(found['status'] == 1).any(axis=1)])
