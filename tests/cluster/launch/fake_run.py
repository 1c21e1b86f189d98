"""A launcher whose tasks only listen at their port, and then do as they are told.

FAKE_ORDERS='{"chief 0": "finish", "worker 1": "raise"}' python fake_run.py WORKDIR

Each task logs its name and environment, listens, then adds a line with its process id to
WORKDIR/<job>-<index>.up; the chief waits until all have done so. A task that is told
nothing waits for its end.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time

from distbelief import config as configs
from distbelief import errors
from distbelief.cluster.launch import local, namespace
from distbelief.telemetry import provenance

if 'FAKE_TENSORFLOW' in os.environ:
  import tensorflow as tf  # noqa: F401 - To be shared by the tasks.
if 'FAKE_NO_NAMESPACE' in os.environ:
  namespace.create = lambda: None
if 'FAKE_STOP_SECONDS' in os.environ:  # The supervisor is the main module.
  sys.modules['__main__'].STOP_SECONDS = float(os.environ['FAKE_STOP_SECONDS'])


def check(config, warn):
  del config, warn
  act(told('check 0') or 'finish')


def body(job, index, tf_config, context, wait_for_preflight):
  workdir, events = context.workdir, context.display
  comm = pathlib.Path('/proc/self/comm').read_text().strip()
  print(json.dumps(dict(os.environ) | {'comm': comm}))
  host, port = tf_config['cluster'][job][index].split(':')
  with socket.create_server((host, int(port))):
    tempfile.mkstemp()
    if told(f'{job} {index}') == 'ignore SIGTERM':
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
    up = pathlib.Path(workdir, f'{job}-{index}.up')
    with up.open('a') as file:
      file.write(f'{os.getpid()}\n')
    if job == 'chief':
      wait_for_preflight()
      wait_for_all(tf_config['cluster'], workdir)
      events.progress(steps=1, num_steps=2, loss=0.5)
      pathlib.Path(workdir, 'all.up').touch()
    elif told(f'{job} {index}'):  # Not before the chief has found it.
      while not pathlib.Path(workdir, 'all.up').exists():
        time.sleep(0.005)
    print(f'{job} {index} acts')
    act(told(f'{job} {index}'), workdir)


def wait_for_all(cluster, workdir):
  path = pathlib.Path(workdir, 'cluster.json')
  path.with_suffix('.tmp').write_text(json.dumps(cluster))
  path.with_suffix('.tmp').rename(path)  # We may be killed at any time.
  for job, addresses in cluster.items():
    for index, address in enumerate(addresses):
      while not pathlib.Path(workdir, f'{job}-{index}.up').exists():
        time.sleep(0.005)
      host, port = address.split(':')
      socket.create_connection((host, int(port))).close()


def told(task):
  return json.loads(os.environ['FAKE_ORDERS']).get(task)


def act(order, workdir=None):
  if order == 'finish':
    return
  if order == 'raise':
    raise ArithmeticError('a loss of NaN')
  if order == 'refuse':
    raise errors.ConfigError('config.seed', -1, 'must be at least 0')
  if order == 'lose a peer':
    raise errors.LostPeerError('ps 0 does not answer')
  if order == 'die after the chief':
    while not pathlib.Path(workdir, 'logs', 'chief-0.error.json').exists():
      time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)
  if order == 'exit':
    sys.exit(7)
  if order == 'checkpoint':
    with contextlib.suppress(InterruptedError):
      signal.signal(signal.SIGTERM, interrupt)
      time.sleep(600)
    print('checkpoint written')
    sys.exit(errors.TERMINATED)
  time.sleep(600)


def interrupt(signum, unused_frame):
  signal.signal(signum, signal.SIG_IGN)  # It may come from several sides.
  raise InterruptedError


if __name__ == '__main__':
  config = configs.default_config()
  origin = provenance.Invocation([], 0.0)
  sys.exit(local.launch(config, sys.argv[1], origin, 'fake_run:body', 'fake_run:check'))
