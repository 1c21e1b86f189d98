"""What TF_CONFIG says: the cluster's addresses, and which task this process plays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import ml_collections

from distbelief import errors

_JOBS = ('chief', 'worker', 'ps')  # One description serves every algorithm.


class TaskOfCluster(NamedTuple):
  """One process' part in a cluster."""

  job: str  # chief, worker or ps.
  index: int
  cluster: dict[str, list[str]]  # Addresses, host:port, by job.

  @property
  def hosts(self) -> list[str]:
    """The names of all machines, without ports."""
    addresses = [address for job in self.cluster.values() for address in job]
    return sorted({address.rpartition(':')[0] for address in addresses})

  def as_tf_config(self) -> dict[str, Any]:
    """Returns it in TF_CONFIG's form."""
    return {'cluster': self.cluster, 'task': {'type': self.job, 'index': self.index}}


def parse(tf_config: Mapping[str, Any], needed: Collection[str] = _JOBS) -> TaskOfCluster:
  """Returns this process' part.

  Args:
    tf_config: TF_CONFIG, parsed as JSON.
    needed: The jobs that the run cannot do without.

  Raises:
    errors.UserError: With what is wrong and what it must be.
  """
  cluster, task = tf_config.get('cluster'), tf_config.get('task')
  if not isinstance(cluster, Mapping) or not isinstance(task, Mapping):
    raise errors.UserError('TF_CONFIG must have "cluster" and "task"')
  for job in needed:
    if not cluster.get(job):
      raise errors.UserError(f'TF_CONFIG: "cluster" ({list(cluster)}) has no "{job}"')
  if len(cluster.get('chief', ())) > 1:
    raise errors.UserError(
      f'TF_CONFIG: "chief" ({list(cluster["chief"])}) must be one address'
    )
  for job, addresses in cluster.items():
    if job not in _JOBS:
      raise errors.UserError(
        f'TF_CONFIG: "cluster" has a "{job}"; only {", ".join(_JOBS)} have a part'
      )
    for address in addresses:
      if not str(address).rpartition(':')[2].isdigit():
        raise errors.UserError(f'TF_CONFIG: {job} address ({address}) must be host:port')
  job, index = task.get('type'), task.get('index', 0)
  if job not in cluster:
    raise errors.UserError(
      f'TF_CONFIG: task type ({job}) must be one of {", ".join(cluster)}'
    )
  if not str(index).isdigit() or int(index) >= len(cluster[job]):
    raise errors.UserError(
      f'TF_CONFIG: task index ({index}) of {job} must be below {len(cluster[job])}'
    )
  return TaskOfCluster(
    job, int(index), {job: list(addresses) for job, addresses in cluster.items()}
  )


def refuse_other_counts(
  config: ml_collections.ConfigDict, cluster: Mapping[str, list[str]]
) -> None:
  """Raises errors.ConfigError if the config explicitly says another number of tasks."""
  for name, job in (('num_replicas', 'worker'), ('num_parameter_servers', 'ps')):
    wanted, there = config.cluster[name], len(cluster.get(job, ()))
    if wanted is not None and there and wanted != there:
      raise errors.ConfigError(
        f'config.cluster.{name}',
        wanted,
        f'differs from TF_CONFIG, whose cluster has {there}: set it to that',
      )
