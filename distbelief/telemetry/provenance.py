"""The provenance of a number: code, command, machine, versions."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

_PACKAGES = (
  'distbelief',
  'tensorflow',
  'keras',
  'tensorflow-datasets',
  'numpy',
  'tensorboard',
  'ml_collections',
  'absl-py',
)
# How variables begin that change what TensorFlow and the libraries below it compute, or
# how fast. A variable of another program may begin with TF_ as well, and name a path.
_SETTINGS = (
  'CUDA_VISIBLE_DEVICES',
  'DNNL_',
  'GRPC_ENABLE_FORK_SUPPORT',
  'GRPC_EXPERIMENTS',
  'GRPC_FAIL_FAST',
  'GRPC_POLL_STRATEGY',
  'GRPC_TRACE',
  'GRPC_VERBOSITY',
  'KMP_',
  'MALLOC_',
  'MKL_',
  'OMP_',
  'ONEDNN_',
  'OPENBLAS_',
  'TF_CPP_',
  'TF_CUDNN_',
  'TF_DETERMINISTIC_OPS',
  'TF_DISABLE_',
  'TF_ENABLE_',
  'TF_FORCE_',
  'TF_GPU_',
  'TF_GRPC_',
  'TF_MKL_',
  'TF_NUM_',
  'TF_OVERRIDE_',
  'TF_PS',
  'TF_USE_',
  'TF_XLA_',
  'XLA_FLAGS',
)


class Invocation(NamedTuple):
  """The command that started a run, and when: seconds since the epoch."""

  command: list[str]
  started: float

  @classmethod
  def of_this_process(cls) -> Invocation:
    """Returns the invocation of this process; its start is before Python's."""
    ticks = int(Path('/proc/self/stat').read_text().rsplit(')', 1)[1].split()[19])
    uptime = float(Path('/proc/uptime').read_text().split()[0])
    age = uptime - ticks / os.sysconf('SC_CLK_TCK')
    return cls(sys.argv, time.time() - age)


def collect(invocation: Invocation) -> dict[str, Any]:
  """Returns the provenance of a run.

  Args:
    invocation: Command and start time of the run.
  """
  started = datetime.datetime.fromtimestamp(invocation.started, datetime.UTC)
  return {
    'git': _git(),
    'command': invocation.command,
    'started': started.isoformat(timespec='seconds'),
    'host': platform.node(),
    'processor': processor(),
    'processors': os.cpu_count(),
    'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
    'system': platform.platform(),
    'python': sys.version.split()[0],
    'packages': versions(),
    'settings': settings(),
  }


def versions() -> dict[str, str]:
  """Returns the versions of the packages that a run depends on."""
  return {name: version for name in _PACKAGES if (version := _version(name))}


def settings() -> dict[str, str]:
  """Returns the variables of the environment that the libraries read."""
  return {
    name: value
    for name, value in sorted(os.environ.items())
    if name.startswith(_SETTINGS)
  }


def _git() -> dict[str, Any] | None:
  """Returns the commit of the code that runs, or None if it is no git checkout."""
  root = Path(__file__).parent.parent.parent

  def git(*words: str) -> str:
    result = subprocess.run(
      ['git', '-C', str(root), *words], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()

  try:
    tracked = git('ls-files', str(Path(__file__)))
    return (
      {
        'commit': git('rev-parse', 'HEAD'),
        'clean': not git('status', '--porcelain'),
      }
      if tracked
      else None
    )
  except (OSError, subprocess.CalledProcessError):
    return None


def processor() -> str:
  """Returns the name of the processor's model."""
  try:
    lines = Path('/proc/cpuinfo').read_text().splitlines()
  except OSError:
    return platform.processor()
  names = [
    line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')
  ]
  return names[0] if names else platform.processor()


def _version(name: str) -> str | None:
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return None
