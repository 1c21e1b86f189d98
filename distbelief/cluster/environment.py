"""Settings that TensorFlow and libc read from the environment when they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_SETTINGS = {
  # Else a task whose peer died waits for it for ever.
  'GRPC_FAIL_FAST': 'use_caller',
  # A machine's tasks would fight over its graphics card.
  'CUDA_VISIBLE_DEVICES': '-1',
}
_DEFAULTS = {
  'TF_CPP_MIN_LOG_LEVEL': '1',
  # Buffers of the size of a model are kept, not given back to the kernel each step.
  'MALLOC_MMAP_THRESHOLD_': str(32 * 2**20),
  'MALLOC_TRIM_THRESHOLD_': str(2**30),
}


def of_tasks(environ: Mapping[str, str], hosts: Iterable[str] = ()) -> dict[str, str]:
  """Returns the environment for a cluster's tasks.

  Args:
    environ: The environment as it is.
    hosts: The cluster's, without ports; this machine is always one.
  """
  environ = _DEFAULTS | dict(environ) | _SETTINGS
  return environ | without_proxy(environ, ['localhost', '127.0.0.1', *hosts])


def without_proxy(environ: Mapping[str, str], hosts: Iterable[str]) -> dict[str, str]:
  """Returns what to set so that no proxy comes between the cluster's tasks.

  With http_proxy set, gRPC would silently send even what is for localhost to the proxy.

  Args:
    environ: The environment as it is.
    hosts: The cluster's, without ports.
  """
  names = ['no_proxy', 'NO_PROXY']
  if 'no_grpc_proxy' in environ:  # Where it is set, gRPC looks at nothing else.
    names.append('no_grpc_proxy')
  before = ','.join(filter(None, map(environ.get, names)))
  merged = dict.fromkeys(before.split(',') if before else [])
  merged |= dict.fromkeys(hosts)
  return dict.fromkeys(names, ','.join(merged))
