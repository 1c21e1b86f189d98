"""The process that imports TensorFlow once and forks the tasks of a local cluster.

The launcher starts it as `python -m distbelief.cluster.launch.supervisor FOLDER EVENTS`:

    launcher          the screen, Ctrl-C; no TensorFlow, nothing to hang on
      supervisor         imports, then only waits for dead tasks and for the launcher
        check         tries the model and the data, while the others connect
        chief, worker 0, ..., ps 0, ...  (without a parameter server only workers)

Whichever process is killed, none is left behind. The kernel kills the tasks when the
supervisor dies; the supervisor kills them when its standard input, which the launcher
holds, is closed; and the launcher waits for the end of the pipe of events, which all of
them hold.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

from distbelief import config as configs
from distbelief import errors
from distbelief.cluster.launch import gate as gate_lib
from distbelief.cluster.launch import imports, namespace, ports, processes
from distbelief.rundir import task_failures
from distbelief.rundir.context import RunContext
from distbelief.telemetry import events as events_lib
from distbelief.telemetry import provenance

MAX_RESTARTS = 3  # Of each worker, if the algorithm can do without it for a while.
STOP_SECONDS = 20.0  # For the leader's last checkpoint, once it is asked to stop.
_CAUSE_SECONDS = 1.0  # For a lost task to be found dead after its peer has noticed.
_KILL_SECONDS = 10.0  # For the kernel to free large processes.

_COMMANDS = 0  # Standard input: a byte means stop; closed: the launcher is gone.


@dataclasses.dataclass(frozen=True)
class Order:
  """The launcher's order; a file in the run's temporary folder."""

  config: str  # As JSON.
  workdir: str
  body: str  # 'module:function'
  check: str
  shared: list[str]  # Modules, or 'module:Class', imported before any task is forked.
  command: list[str]  # Command that started the run; its time follows.
  started: float

  def save(self, folder: str) -> None:
    """Writes the order for `load`."""
    with open(os.path.join(folder, 'order.json'), 'w') as file:
      json.dump(dataclasses.asdict(self), file)

  @classmethod
  def load(cls, folder: str) -> Order:
    """Returns the order that `save` wrote."""
    with open(os.path.join(folder, 'order.json')) as file:
      return cls(**json.load(file))


class Supervisor:
  """Starts tasks, watches them, and kills those that are left."""

  def __init__(self, events: events_lib.ProgressPipe) -> None:
    """Starts nothing yet."""
    self.launcher_is_gone = False
    self._must_stop = False
    self._events = events
    self._wakeup, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *unused: None)  # It only has to wake up `_wait`.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # The launcher decides when to stop.

  def run(self, tasks: list[processes.Task]) -> bool:
    """Runs tasks to the end of the leader; returns whether all succeeded.

    Args:
      tasks: Tasks to run: first the leader; the others serve it for as long as it lives,
        or end before.
    """
    try:
      for task in tasks:
        task.start()
      return self._watch(tasks)
    finally:
      self._kill(tasks)

  def _watch(self, tasks: list[processes.Task]) -> bool:
    leader = tasks[0]
    deadline = None  # Set once the leader is asked to stop.
    while not self.launcher_is_gone:
      if self._must_stop and deadline is None:
        deadline = time.monotonic() + STOP_SECONDS
        leader.terminate()
        self._events.message(f'stopping within {STOP_SECONDS:g} s; Ctrl-C again: at once')
      self._wait(deadline)
      ended = _reap(tasks)
      failed = [task for task, status in ended if self._handle_exit(task, status)]
      if failed:  # The failures are written by now.
        if all(status == errors.LOST_PEER for _, status in ended):
          self._wait_for_cause(tasks)
        return False
      if leader.pid is None:
        return ended[0][1] == 0
      if deadline is not None and time.monotonic() > deadline:
        self._events.message(f'{leader} did not stop within {STOP_SECONDS:g} s: killed')
        return False
    return False

  def _wait_for_cause(self, tasks: list[processes.Task]) -> None:
    """Waits a little for the task whose loss a peer has noticed first."""
    deadline = time.monotonic() + _CAUSE_SECONDS
    while not self.launcher_is_gone and time.monotonic() < deadline:
      self._wait(deadline)
      for task, status in _reap(tasks):
        if self._handle_exit(task, status) and status != errors.LOST_PEER:
          return

  def _handle_exit(self, task: processes.Task, status: int) -> bool:
    """Writes the failure of a task, unless it can be started again."""
    if status == 0 or self._must_stop:
      return False
    if status > 0 or task.restarts == task.max_restarts:
      failure = task_failures.TaskFailure.from_status(task.job, task.index, status)
      failure.write(task.logs)
      return True
    task.restarts += 1
    task.start()
    self._events.message(
      f'{task} was killed by {task_failures.signal_name(-status)}; started again '
      f'({task.restarts} of {task.max_restarts}), its log: '
      f'{task_failures.short(task.log)}'
    )
    return False

  def _wait(self, deadline: float | None) -> None:
    """Waits until a task has died, the launcher sends a command, or the deadline."""
    watched = [self._wakeup] if self.launcher_is_gone else [self._wakeup, _COMMANDS]
    timeout = None if deadline is None else max(0, deadline - time.monotonic())
    ready, _, _ = select.select(watched, [], [], timeout)
    if self._wakeup in ready:
      os.read(self._wakeup, 4096)
    if _COMMANDS in ready:
      self._must_stop = True
      self.launcher_is_gone = not os.read(_COMMANDS, 4096)

  def _kill(self, tasks: list[processes.Task]) -> None:
    """Kills the tasks that are left; returns when they are gone."""
    deadline = time.monotonic() + _KILL_SECONDS
    for task in tasks:
      if task.pid:
        task.kill()
    while any(task.pid for task in tasks) and time.monotonic() < deadline:
      for task in tasks:
        task.reap()
      self._wait(min(deadline, time.monotonic() + 0.1))


def _reap(tasks: list[processes.Task]) -> list[tuple[processes.Task, int]]:
  """Returns the tasks that have ended since the last call, and their statuses."""
  return [(task, status) for task in tasks if (status := task.reap()) is not None]


def _start_cluster(
  order: Order, events: events_lib.ProgressPipe, supervisor: Supervisor
) -> bool:
  """Runs the check and the cluster; returns whether all succeeded."""
  body, check, *_ = imports.resolve([order.body, order.check, *order.shared])
  config = configs.from_json(order.config)
  logs = os.path.join(order.workdir, 'logs')

  gate = gate_lib.Gate()

  def try_and_open() -> None:
    events.preparing('trying the model and the data')
    check(config, events.message)
    gate.open()

  network = namespace.create()
  if not network:
    events.message(
      'warning: no network namespace is allowed here; while the run lasts, its '
      "TensorFlow servers accept anyone who reaches this machine's ports"
    )
  algorithm, jobs = configs.algorithm(config), configs.jobs(config)
  reservation = ports.Reservation(sum(jobs.values()))  # Held until we return.
  addresses = iter(f'127.0.0.1:{port}' for port in reservation.ports)
  cluster = {job: [next(addresses) for _ in range(n)] for job, n in jobs.items()}
  invocation = provenance.Invocation(order.command, order.started)
  context = RunContext(config, Path(order.workdir), events, invocation)
  tasks: list[processes.Task] = []
  for job, addresses_of_job in cluster.items():
    # A task that others wait for is not restarted.
    restarts = MAX_RESTARTS if job == 'worker' and algorithm.workers_restart else 0
    for index in range(len(addresses_of_job)):
      tf_config = {'cluster': cluster, 'task': {'type': job, 'index': index}}
      run = functools.partial(body, job, index, tf_config, context, gate.wait)
      leads = not tasks
      tasks.append(processes.Task(job, index, logs, run, network, leads, restarts))
  tasks.append(processes.Task('check', 0, logs, try_and_open, leads=False))
  return supervisor.run(tasks)


def main(folder: str, events_fd: str) -> int:
  """Runs the launcher's order; returns 0 if all succeeded."""
  events = events_lib.ProgressPipe(int(events_fd))
  supervisor = Supervisor(events)
  try:
    return 0 if _start_cluster(Order.load(folder), events, supervisor) else 1
  finally:
    if supervisor.launcher_is_gone:
      shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
  os._exit(main(*sys.argv[1:]))  # Python would take half a second to clean up.
