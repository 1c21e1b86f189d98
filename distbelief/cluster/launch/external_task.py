"""A task that TF_CONFIG describes, started by hand or by a batch system."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import config as config_lib
from distbelief import errors
from distbelief.cluster.launch import (
  agreement,
  environment,
  fork,
  linux,
  processes,
  tf_config,
)
from distbelief.models import handed_over
from distbelief.rundir import workdirs
from distbelief.rundir.context import RunContext
from distbelief.telemetry import display as display_lib
from distbelief.telemetry import numerics, provenance


def run_task(
  config: ml_collections.ConfigDict, workdir: str, description: Mapping[str, Any]
) -> int:
  """Runs one task to its end; returns its exit status.

  Args:
    config: Config of the run, the same for all tasks.
    workdir: Directory of the run, on a disk that all tasks share.
    description: Parsed JSON of TF_CONFIG.
  """
  jobs = config_lib.jobs(config)
  directed_jobs = config_lib.algorithm(config).directed_jobs
  task = tf_config.parse(description, jobs, directed_jobs)
  if task.is_whole:
    tf_config.refuse_other_counts(config, task.cluster)
    config = config.copy_and_resolve_references()
    config.cluster.num_replicas = len(task.cluster['worker'])
    config.cluster.num_parameter_servers = len(task.cluster.get('ps', ())) or None
    config_lib.check(config)
  if task.is_whole and task.index >= config_lib.jobs(config).get(task.job, 0):
    print(
      f'{task.job} {task.index} has no part in config.algorithm = {config.algorithm!r}: '
      f'there only {_parts(config)}'
    )
    return errors.DONE
  _apply_environment(config, task)
  if task.index == 0 and task.job == next(iter(jobs)):
    return _lead(config, workdir, task)
  if workdirs.is_finished(config, Path(workdir)):
    print(workdirs.already_finished(config, workdir))
    return errors.DONE
  _announce(config, workdir, task)
  linux.set_process_name(processes.process_name(task.job, task.index))
  if task.job in directed_jobs:
    return _serve(config, workdir, task)
  return _train(config, workdir, task)


def _parts(config: ml_collections.ConfigDict) -> str:
  workers = config_lib.jobs(config)['worker']
  return 'worker 0 trains' if workers == 1 else f'workers 0 to {workers - 1} train'


def _lead(
  config: ml_collections.ConfigDict, workdir: str, task: tf_config.TaskSpec
) -> int:
  """Runs the chief, or worker 0 where there is none: it keeps the run's directory."""
  # TensorFlow is imported only after its settings are made.
  from distbelief.cluster import serving
  from distbelief.cluster.launch import tasks

  with workdirs.hold(Path(workdir)):
    if workdirs.prepare(config, Path(workdir)):
      print(workdirs.already_finished(config, workdir))
      return errors.DONE
    own = handed_over.resolved(config, Path(workdir))
    fork.run_in_fork(lambda: tasks.run_preflight(own, _show))
    serving.refuse_taken_port(task.job, task.index, task.address)
    _announce(config, workdir, task)
    return _train(config, workdir, task)


def _show(line: str) -> None:
  print(line, file=sys.stderr)


def _announce(
  config: ml_collections.ConfigDict, workdir: str, task: tf_config.TaskSpec
) -> None:
  agreement.announce(Path(workdir), task, config)
  if task.job == 'worker':
    gpu = os.environ['CUDA_VISIBLE_DEVICES'] != '-1'  # By _apply_environment.
    numerics.announce(Path(workdir), task.job, task.index, gpu=gpu)


def _train(
  config: ml_collections.ConfigDict, workdir: str, task: tf_config.TaskSpec
) -> int:
  display = display_lib.Display(sys.stderr)
  context = RunContext(
    handed_over.resolved(config, Path(workdir)),
    Path(workdir),
    display,
    provenance.Invocation.of_this_process(),
  )
  try:
    config_lib.algorithm(config).trainer('cluster')(
      context,
      task.as_tf_config(),
      lambda: agreement.check(context.workdir, task, list(config_lib.jobs(config))),
      lambda: None,  # The leader has made the preflight before.
    ).run()
    status = errors.DONE
  except errors.UserError as error:
    display.message(f'error: {error}')
    status = error.status
  except SystemExit as end:
    status = processes.exit_status(end)
  except BaseException:
    traceback.print_exc()
    status = errors.FAILED
  display.close()
  # Threads still wait for results that are not needed: Python would wait for them.
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(status)


def _serve(
  config: ml_collections.ConfigDict, workdir: str, task: tf_config.TaskSpec
) -> int:
  """Serves the chief, which schedules the work of this task."""
  from distbelief.cluster import rendezvous, serving

  # A batch system signals all tasks at once; the chief needs the others for its
  # checkpoint, and they notice when it is gone.
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  chief_is_gone = rendezvous.ChiefGone(
    task.cluster['chief'][0], first_patience=config.cluster.start_timeout
  )

  def finished() -> bool:
    return workdirs.is_finished(config, Path(workdir))

  serving.serve(
    task.job, task.index, task.as_tf_config(), lambda: finished() or chief_is_gone()
  )
  if finished():
    return errors.DONE
  print('the chief has gone; the same command on all tasks resumes', file=sys.stderr)
  return errors.LOST_PEER


def _apply_environment(
  config: ml_collections.ConfigDict, task: tf_config.TaskSpec
) -> None:
  """Restarts the program with the settings that are read when it is loaded."""
  gpus = environment.gpus(os.environ)
  wanted = environment.of_tasks(os.environ, task.hosts) | {
    'CUDA_VISIBLE_DEVICES': environment.visible_gpus(
      task.job, task.index_on_host, config.cluster.device, gpus
    )
  }
  if any(os.environ.get(name) != value for name, value in wanted.items()):
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
