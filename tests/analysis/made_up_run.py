"""Runs that never were: an ideal Downpour or synchronous schedule, as a run's files."""

import heapq
import json

import numpy as np

from distbelief import config as config_lib
from distbelief.telemetry import metrics, records, steps

ORIGIN = 1_700_000_000.0
UPDATE = 0.001  # Seconds that a shard takes.


def blank(count, num_shards):
  """Records of steps that nothing is known of yet."""
  made = np.zeros([count], steps.record_dtype(num_shards))
  for name in made.dtype.names:
    if name.endswith(('_start', '_end', 'applied_at')):
      made[name] = np.nan
  made['fresh'] = made['pushed'] = True
  made['gradients'] = 1
  made['loss'] = 1.0
  made['status'] = steps.Status.APPLIED
  return made


def downpour(step_seconds, num_steps, latency=0.0, num_shards=1, seed=0):
  """Blocking Downpour, n_fetch = n_push = 1.

  Args:
    step_seconds: Per replica, the mean; gamma with a deviation of 15 %.
    num_steps: Of all replicas together.
    latency: Waited before each fetch and push.
    num_shards: Each applies what comes in an order of its own.
    seed: Of the durations.
  """
  rng = np.random.default_rng(seed)
  made = blank(num_steps, num_shards)
  events, versions, held = [], np.zeros([num_shards], np.int64), {}
  free = np.zeros([num_shards])  # When each shard has made the update before.
  next_step = [0] * len(step_seconds)
  for replica in range(len(step_seconds)):
    heapq.heappush(events, (ORIGIN + latency, replica, 'read', -1, 0))
  started = 0
  while events:
    now, replica, what, row, shard = heapq.heappop(events)
    if what == 'read':
      if started == num_steps:
        continue
      row, started = started, started + 1
      step = made[row : row + 1]
      step['replica'], step['step'], step['batch'] = replica, *([next_step[replica]] * 2)
      step['sequence'] = next_step[replica]
      next_step[replica] += 1
      step['version_held'] = versions
      step['wait_start'] = step['wait_end'] = step['fetch_start'] = now - latency
      step['fetch_end'] = step['compute_start'] = now
      took = rng.gamma(1 / 0.15**2, step_seconds[replica] * 0.15**2)
      step['compute_end'] = step['push_start'] = now + took
      arrives = now + took + latency
      for one in range(num_shards):
        # Shards get it a little earlier or later than each other.
        heapq.heappush(
          events, (arrives + UPDATE * rng.uniform(), replica, 'push', row, one)
        )
      held[row] = 0
    else:
      versions[shard] += 1
      now = max(now, free[shard])
      free[shard] = now + UPDATE
      made['version_applied'][row, shard] = versions[shard]
      made['applied_at'][row, shard] = now
      made['update_end'][row, shard] = now + UPDATE
      held[row] += 1
      if held[row] == num_shards:
        done = now + UPDATE
        made['push_end'][row] = done
        heapq.heappush(events, (done + latency, replica, 'read', -1, 0))
  made['staleness'] = records.derived_staleness(made)
  return made


def synchronous(step_seconds, num_updates, all_reduce=0.01):
  """All wait for the slowest, then sum and update."""
  replicas = len(step_seconds)
  made = blank(num_updates * replicas, 1)
  took = max(step_seconds) + all_reduce
  for update in range(num_updates):
    for replica, seconds in enumerate(step_seconds):
      step = made[update * replicas + replica : update * replicas + replica + 1]
      start = ORIGIN + update * took
      step['replica'] = replica
      for name in ('step', 'batch', 'sequence'):
        step[name] = update
      step['compute_start'] = start
      step['compute_end'] = step['wait_start'] = start + seconds
      step['wait_end'] = step['push_start'] = start + max(step_seconds)
      step['push_end'] = step['update_end'] = start + took
      step['applied_at'] = start + took - UPDATE
      step['version_held'], step['version_applied'] = update, update + 1
  return made


def write(workdir, made, evaluations=(), finished=True, **fields):
  """Makes a run's directory of records; returns it."""
  config = config_lib.default_config()
  config.cluster.num_replicas = int(made['replica'].max()) + 1
  config.update_from_flattened_dict(fields)
  workdir.mkdir(parents=True)
  (workdir / 'config.json').write_text(config_lib.to_json(config))
  num_shards = made['status'].shape[1]
  recorder = records.Recorder(
    workdir / 'steps' / '000.bin',
    num_shards,
    config.cluster.num_replicas,
    [1000] * num_shards,
  )
  recorder.close()
  with (workdir / 'steps' / '000.bin').open('ab') as file:
    file.write(made.tobytes())
  for row in evaluations:
    metrics.append_csv(workdir, metrics.Evaluation(*row))
  if finished:
    summary = {'seconds': 1.0, 'examples_per_second': 64.0, 'provenance': {}}
    (workdir / 'summary.json').write_text(json.dumps(summary))
  return workdir
