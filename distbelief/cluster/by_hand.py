"""A task that TF_CONFIG describes, started by hand or by a batch system."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import config as config_lib
from distbelief import errors, workdirs
from distbelief.cluster import environment, linux, processes, tf_config
from distbelief.telemetry import display as display_lib
from distbelief.telemetry import provenance


def play(
  config: ml_collections.ConfigDict, workdir: str, description: Mapping[str, Any]
) -> int:
  """Plays one task to its end; returns its exit status.

  Args:
    config: The same for all tasks.
    workdir: The run's directory, on a disk that all tasks see.
    description: TF_CONFIG, parsed as JSON.
  """
  task = tf_config.parse(description)
  tf_config.refuse_other_counts(config, task.cluster)
  _settle_environment(task)
  config = config.copy_and_resolve_references()
  config.cluster.num_replicas = len(task.cluster['worker'])
  config.cluster.num_parameter_servers = len(task.cluster['ps'])
  config_lib.check(config)
  origin = provenance.Origin.of_this_process()
  if task.job == 'chief':
    return _chief(config, workdir, task, origin)

  from distbelief.cluster import servers  # TensorFlow, now that its settings are made.

  linux.set_process_name(processes.process_name(task.job, task.index))
  # A batch system tells all tasks at once; the chief needs the others for its checkpoint,
  # and they see when it has gone.
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  chief_is_gone = servers.ChiefGone(
    task.cluster['chief'][0], first_patience=config.cluster.start_timeout
  )
  servers.serve(
    task.job,
    task.index,
    task.as_tf_config(),
    lambda: workdirs.is_finished(config, Path(workdir)) or chief_is_gone(),
  )
  if workdirs.is_finished(config, Path(workdir)):
    return errors.DONE
  print('the chief has gone; the same command on all tasks resumes', file=sys.stderr)
  return errors.LOST_PEER


def _chief(
  config: ml_collections.ConfigDict,
  workdir: str,
  task: tf_config.TaskOfCluster,
  origin: provenance.Origin,
) -> int:
  from distbelief.cluster import chief, tasks

  display = display_lib.Display(sys.stderr)
  try:
    with workdirs.hold(Path(workdir)):
      if workdirs.prepare(config, Path(workdir)):
        print(workdirs.already_finished(config, workdir))
        return errors.DONE
      tasks.check(config, workdir, display)
      chief.Chief(config, Path(workdir), task.as_tf_config(), display, origin).run()
    status = errors.DONE
  except errors.UserError as error:
    display.message(f'error: {error}')
    status = error.status
  except SystemExit as end:
    status = end.code
  finally:
    display.close()
  # Threads still wait for windows that nobody needs: Python would wait for them.
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(status)


def _settle_environment(task: tf_config.TaskOfCluster) -> None:
  """Begins again with the settings that are read when a program is loaded."""
  settled = environment.of_tasks(os.environ, task.hosts)
  if any(os.environ.get(name) != value for name, value in settled.items()):
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], settled)
