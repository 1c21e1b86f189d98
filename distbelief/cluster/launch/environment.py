"""Settings that TensorFlow and libc read from the environment when they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from distbelief import errors

_SETTINGS = {
  # Otherwise a task whose peer died waits for it forever.
  'GRPC_FAIL_FAST': 'use_caller',
  # A parameter server needs this backend.
  'KERAS_BACKEND': 'tensorflow',
}
_DEFAULTS = {
  'TF_CPP_MIN_LOG_LEVEL': '1',
  # Tasks that share a GPU take the memory that they need, not all.
  'TF_FORCE_GPU_ALLOW_GROWTH': 'true',
  # Buffers of the size of a model are kept, not given back to the kernel each step.
  'MALLOC_MMAP_THRESHOLD_': str(32 * 2**20),
  'MALLOC_TRIM_THRESHOLD_': str(2**30),
}


def of_tasks(environ: Mapping[str, str], hosts: Iterable[str] = ()) -> dict[str, str]:
  """Returns the environment for a cluster's tasks.

  Args:
    environ: Environment as it is.
    hosts: Hosts of the cluster, without ports; this machine is always one.
  """
  environ = _DEFAULTS | dict(environ) | _SETTINGS
  return environ | without_proxy(environ, ['localhost', '127.0.0.1', *hosts])


def visible_gpus(job: str, index_on_host: int, device: str, gpus: Sequence[str]) -> str:
  """Returns a task's CUDA_VISIBLE_DEVICES: worker i of a machine has GPU i mod n.

  The chief and the parameter servers only move and add up numbers.

  Args:
    job: Job of the task: chief, worker or ps.
    index_on_host: Index of the task among its machine's tasks of that job.
    device: Field config.cluster.device.
    gpus: GPUs of the machine, see `gpus`.

  Raises:
    errors.ConfigError: If the device is 'gpu', and the machine has none.
  """
  if device == 'gpu' and not gpus and job == 'worker':
    raise errors.ConfigError(
      'config.cluster.device',
      device,
      'needs a GPU, and this machine shows none: use auto',
    )
  if job != 'worker' or device == 'cpu' or not gpus:
    return '-1'
  return gpus[index_on_host % len(gpus)]


def gpus(environ: Mapping[str, str], devices: Path = Path('/dev')) -> list[str]:
  """Returns the GPUs of this machine that may be used, as CUDA names them.

  Args:
    environ: Environment; if it has CUDA_VISIBLE_DEVICES, only those count.
    devices: Directory where the kernel shows GPUs.
  """
  named = environ.get('CUDA_VISIBLE_DEVICES')
  if named is not None:
    given = [name.strip() for name in named.split(',') if name.strip()]
    return given[: given.index('-1')] if '-1' in given else given  # As CUDA reads it.
  found = [p.name.removeprefix('nvidia') for p in devices.glob('nvidia[0-9]*')]
  return sorted(found, key=int)


def without_proxy(environ: Mapping[str, str], hosts: Iterable[str]) -> dict[str, str]:
  """Returns settings that keep proxies away from the cluster's connections.

  With http_proxy set, gRPC would silently send even requests to localhost to the proxy.

  Args:
    environ: Environment as it is.
    hosts: Hosts of the cluster, without ports.
  """
  names = ['no_proxy', 'NO_PROXY']
  if 'no_grpc_proxy' in environ:  # If it is set, gRPC reads no other variable.
    names.append('no_grpc_proxy')
  before = ','.join(filter(None, map(environ.get, names)))
  merged = dict.fromkeys(before.split(',') if before else [])
  merged |= dict.fromkeys(hosts)
  return dict.fromkeys(names, ','.join(merged))
