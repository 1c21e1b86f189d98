"""What the rounding of a task's numbers depends on, besides its code and its inputs.

How many threads share an operation, which processor and which libraries compute it, and
the variables of the environment that those read: with the same of them the same operation
gives the same bits. Every task that computes gradients announces its own, the leader
keeps those of each launch beside the step records, and replay computes under the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from distbelief.telemetry import files, provenance

# Relative difference of parameters that a replay allows. With the same numerics they are
# the same to the last bit; with others, rounding differs by 1e-7, which training at a
# large rate may amplify.
TOLERANCE = 1e-4

_PACKAGES = ('tensorflow', 'keras', 'numpy')

# How variables begin that have no influence on a result.
_IRRELEVANT = ('CUDA_', 'GRPC_', 'MALLOC_', 'TF_CPP_', 'TF_FORCE_GPU_', 'TF_GRPC_')


class Numerics(NamedTuple):
  """Conditions of rounding in one process.

  Attributes:
    threads: Number of threads that share an operation.
    processor: Name of the processor's model.
    packages: Versions of the libraries.
    settings: Variables of the environment that the libraries read.
    gpu: Whether a GPU computes gradients.
  """

  threads: int
  processor: str
  packages: dict[str, str]
  settings: dict[str, str]
  gpu: bool = False

  @classmethod
  def here(cls, threads: int = 0, gpu: bool = False) -> Numerics:
    """Returns those of this process.

    Args:
      threads: Threads for an operation; 0: as many as TensorFlow takes by itself.
      gpu: Whether a GPU computes gradients.
    """
    own = os.environ.get('TF_NUM_INTRAOP_THREADS', '')
    default = int(own) if own.isdecimal() else 0
    return cls(
      threads or default or len(os.sched_getaffinity(0)),
      provenance.processor(),
      {
        name: version
        for name, version in provenance.versions().items()
        if name in _PACKAGES
      },
      relevant(provenance.settings()),
      gpu,
    )

  @property
  def environment(self) -> dict[str, str]:
    """Variables under which another process computes alike."""
    return self.settings | {'TF_NUM_INTRAOP_THREADS': str(self.threads)}

  def difference(self, other: Numerics) -> str:
    """Returns how this differs from another, for a message; empty if it does not."""
    found = []
    if self.processor != other.processor:
      found.append(f'{self.processor} against {other.processor}')
    for name in _PACKAGES:
      mine, theirs = self.packages.get(name), other.packages.get(name)
      if mine != theirs:
        found.append(f'{name} {mine} against {theirs}')
    if self.gpu != other.gpu:
      found.append('a GPU against none' if self.gpu else 'no GPU against one')
    if self.threads != other.threads:
      found.append(f'{self.threads} against {other.threads} threads an operation')
    names = self.settings.keys() | other.settings.keys()
    found += [
      f'{name}={self.settings.get(name, "")} against {other.settings.get(name, "")}'
      for name in sorted(names)
      if self.settings.get(name) != other.settings.get(name)
    ]
    return ', '.join(found)


def relevant(settings: Mapping[str, str]) -> dict[str, str]:
  """Returns the settings that may have an influence on a result."""
  return {
    name: value
    for name, value in settings.items()
    if not name.startswith(_IRRELEVANT) and name != 'TF_NUM_INTRAOP_THREADS'
  }


def note(found: Sequence[Numerics]) -> str:
  """Returns a line if a replay cannot compute the same bits; empty if it can.

  Args:
    found: Different numerics of a launch's tasks, from `of_launch`.
  """
  if any(numerics.gpu for numerics in found):
    why = 'GPUs may compute the gradients, and do not add up in one order'
  elif len(found) > 1:
    why = f'the tasks do not round alike ({found[1].difference(found[0])})'
  else:
    return ''
  return (
    f'note: {why}: a replay will not agree to the last bit; it allows parameters to '
    f'differ by {TOLERANCE:g}, relative'
  )


def announce(
  workdir: Path, job: str, index: int, threads: int = 0, gpu: bool = False
) -> None:
  """Writes a task's numerics into workdir/tasks, for the leader."""
  path = _task_path(workdir, job, index)
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_whole(path, json.dumps(Numerics.here(threads, gpu)._asdict()))


def keep(workdir: Path, launch: int, job: str, num_tasks: int) -> None:
  """Writes what the tasks of a job have announced to steps/<launch>.json.

  Tasks that have the same share an entry; those that announced nothing are left out.
  """
  found: list[dict[str, Any]] = []
  for index in range(num_tasks):
    try:
      own = json.loads(_task_path(workdir, job, index).read_text())
    except (OSError, ValueError):
      continue
    alike = next((one for one in found if one['numerics'] == own), None)
    if alike is None:
      found.append({'tasks': [index], 'numerics': own})
    else:
      alike['tasks'].append(index)
  path = _launch_path(workdir, launch)
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_whole(path, json.dumps({'job': job, 'of': found}))


def of_launch(workdir: Path, launch: int) -> list[Numerics]:
  """Returns the different numerics of a launch's tasks; empty if they are not known."""
  try:
    found = json.loads(_launch_path(workdir, launch).read_text())
    return [Numerics(**one['numerics']) for one in found['of']]
  except (OSError, ValueError, TypeError, KeyError):
    return []


def _task_path(workdir: Path, job: str, index: int) -> Path:
  return workdir / 'tasks' / f'{job}-{index}.numerics.json'


def _launch_path(workdir: Path, launch: int) -> Path:
  return workdir / 'steps' / f'{launch:03}.json'
