"""Parses TF_CONFIG: the cluster's addresses, and the task of this process."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import ml_collections

from distbelief import errors

_JOBS = ('chief', 'worker', 'ps')  # One description serves every algorithm.
_IDLE = 'evaluator'  # TensorFlow knows it; here the chief, or worker 0, evaluates.

Addresses: TypeAlias = Mapping[int, str]  # host:port by the task's index.


@dataclasses.dataclass(frozen=True)
class TaskSpec:
  """One process' part in a cluster."""

  job: str  # chief, worker, ps or evaluator.
  index: int
  cluster: dict[str, Addresses]  # By job; a directed task may not know all.

  @property
  def hosts(self) -> list[str]:
    """Names of all machines, without ports."""
    addresses = [address for job in self.cluster.values() for address in job.values()]
    return sorted({address.rpartition(':')[0] for address in addresses})

  @property
  def is_whole(self) -> bool:
    """Whether all tasks are known: no index is left out."""
    return all(list(job) == list(range(len(job))) for job in self.cluster.values())

  @property
  def address(self) -> str:
    """The host:port of this task."""
    return self.cluster[self.job][self.index]

  @property
  def index_on_host(self) -> int:
    """Number of tasks of this job on this machine with smaller indexes."""
    host, _, _ = self.address.rpartition(':')
    before = [a for i, a in self.cluster[self.job].items() if i < self.index]
    return sum(address.rpartition(':')[0] == host for address in before)

  def as_tf_config(self) -> dict[str, Any]:
    """Returns it in the form of TF_CONFIG, without an evaluator."""
    cluster = {
      job: list(addresses.values()) if self.is_whole else dict(addresses)
      for job, addresses in self.cluster.items()
      if job != _IDLE  # The coordinator would wait for it forever.
    }
    return {'cluster': cluster, 'task': {'type': self.job, 'index': self.index}}


def parse(
  tf_config: Mapping[str, Any],
  needed: Collection[str] = _JOBS,
  directed: Collection[str] = (),
) -> TaskSpec:
  """Returns the task of this process.

  Indexes may be strings. A job's addresses are a list, or in the sparse form a mapping by
  index; other keys, such as "environment", are ignored.

  Args:
    tf_config: Parsed JSON of TF_CONFIG.
    needed: Jobs that the run requires.
    directed: Jobs whose tasks need not know all the others.

  Raises:
    errors.UserError: Names the mistake and the remedy.
  """
  cluster = tf_config.get('cluster') or tf_config.get('sparseCluster')
  task = tf_config.get('task')
  if not isinstance(cluster, Mapping) or not isinstance(task, Mapping):
    raise errors.UserError('TF_CONFIG must have "cluster" and "task"')
  for name in needed:
    if not cluster.get(name):
      raise errors.UserError(f'TF_CONFIG: "cluster" ({list(cluster)}) has no "{name}"')
  for job in cluster:
    if job not in (*_JOBS, _IDLE):
      raise errors.UserError(
        f'TF_CONFIG: "cluster" has a "{job}"; only {", ".join(_JOBS)} have a part'
      )
  known: dict[str, Addresses] = {
    job: _addresses(job, given) for job, given in cluster.items()
  }
  _refuse_doubles(known)
  if len(known.get('chief', ())) > 1:
    raise errors.UserError(
      f'TF_CONFIG: "chief" ({list(known["chief"].values())}) must be one address'
    )
  job, index = task.get('type'), str(task.get('index', 0))
  if job == _IDLE:  # The cluster may leave it out.
    known[job] = known.get(job) or {0: 'evaluator:0'}
  if not isinstance(job, str) or not known.get(job):
    raise errors.UserError(
      f'TF_CONFIG: task type ({job}) must be one of {", ".join(cluster)}'
    )
  if not _is_number(index) or int(index) not in known[job]:
    indexes = sorted(known[job])
    raise errors.UserError(
      f'TF_CONFIG: task index ({index}) of {job} must be '
      + (f'below {len(indexes)}' if indexes[-1] < len(indexes) else f'one of {indexes}')
    )
  found = TaskSpec(job, int(index), known)
  if not found.is_whole and job not in directed:
    raise errors.UserError(
      f'TF_CONFIG: {job} {index} must know all tasks, and "cluster" leaves out some '
      f'indexes ({ {j: sorted(a) for j, a in known.items()} }): add their addresses'
    )
  return found


def _addresses(job: str, given: Any) -> dict[int, str]:
  if isinstance(given, Mapping):
    numbers = {int(index) for index in given if _is_number(str(index))}
    if len(numbers) < len(given):
      raise errors.UserError(
        f'TF_CONFIG: indexes of "{job}" ({list(given)}) must be different whole numbers'
      )
    by_index = {int(index): given[index] for index in given}
  elif isinstance(given, list):
    by_index = dict(enumerate(given))
  else:
    raise errors.UserError(
      f'TF_CONFIG: "{job}" ({given}) must be a list of addresses, host:port'
    )
  for address in by_index.values():
    host, _, port = str(address).rpartition(':')
    if not host or '/' in host or not _is_number(port) or not 0 < int(port) < 65_536:
      raise errors.UserError(f'TF_CONFIG: {job} address ({address}) must be host:port')
  return dict(sorted(by_index.items()))


def _is_number(text: str) -> bool:
  return text.isascii() and text.isdecimal()


def _refuse_doubles(known: Mapping[str, Addresses]) -> None:
  owners = collections.defaultdict(list)
  for job, addresses in known.items():
    for index, address in addresses.items():
      owners[address].append(f'{job} {index}')
  for address, tasks in owners.items():
    if len(tasks) > 1:
      raise errors.UserError(
        f'TF_CONFIG: {" and ".join(tasks)} have the same address ({address}): each needs '
        'a port of its own'
      )


def refuse_other_counts(
  config: ml_collections.ConfigDict, cluster: Mapping[str, Addresses]
) -> None:
  """Raises errors.ConfigError if the config explicitly has another number of tasks."""
  for name, job in (('num_replicas', 'worker'), ('num_parameter_servers', 'ps')):
    wanted, there = config.cluster[name], len(cluster.get(job, ()))
    if wanted is not None and there and wanted != there:
      raise errors.ConfigError(
        f'config.cluster.{name}',
        wanted,
        f'differs from TF_CONFIG, whose cluster has {there}: set it to that',
      )
