"""From a config and a workdir to a finished run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import config as config_lib
from distbelief import errors, workdirs
from distbelief.telemetry import provenance


def train(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> dict[str, Any]:
  """Trains as `config` says, on a cluster of processes on this machine.

  The same as `python scripts/train.py`, from Python. The cluster is started from a
  process of its own: the caller is never forked, and its TensorFlow not touched.

  Args:
    config: From `distbelief.default_config()`.
    workdir: The run's directory; if it has a run of the same config, that is resumed.

  Returns:
    What the run's summary.json holds.

  Raises:
    errors.UserError: If a field cannot be, or the workdir holds another run.
    RuntimeError: If the training failed; the reason is on standard error.
  """
  config_lib.check(config)
  with workdirs.hold(Path(workdir)):
    workdirs.prepare(config, Path(workdir))
  with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
    # The command that a reader of the summary can repeat is the caller's.
    json.dump({'config': config.to_dict(), 'command': sys.argv}, file)
    file.flush()
    words = [sys.executable, '-m', __package__, file.name, os.fspath(workdir)]
    status = _run(words)
  if status:
    raise RuntimeError(f'training in {workdir} ended with status {status}')
  return json.loads((Path(workdir) / 'summary.json').read_text())


def _run(words: list[str]) -> int:
  """Runs a launcher; Ctrl-C reaches it once, and leaves it time for a checkpoint."""
  with subprocess.Popen(words, start_new_session=True) as process:
    try:
      return process.wait()
    except KeyboardInterrupt:
      process.send_signal(signal.SIGINT)
      process.wait()
      raise


def launch(
  config: ml_collections.ConfigDict,
  workdir: str,
  tf_config: Mapping[str, Any] | None = None,
  command: list[str] | None = None,
) -> int:
  """Runs a whole cluster on this machine, or one task of a larger one.

  Args:
    config: Checked here.
    workdir: The run's directory.
    tf_config: What the environment's TF_CONFIG says, parsed; None: start everything.
    command: What started this process, for the summary; by default its own words.

  Returns:
    An exit status, see errors.py.
  """
  if tf_config is not None:
    from distbelief.cluster import by_hand

    config_lib.check_fields(config)  # The rest when the cluster is known.
    return by_hand.play(config, workdir, tf_config)
  from distbelief.cluster import launcher

  config_lib.check(config)
  with workdirs.hold(Path(workdir)):
    if workdirs.prepare(config, Path(workdir)):
      print(workdirs.already_finished(config, workdir))
      return errors.DONE
    origin = provenance.Origin.of_this_process()
    return launcher.launch(config, workdir, origin._replace(command=command or sys.argv))


def main(order: str, workdir: str) -> int:
  """Launches from the file that `train` wrote; returns an exit status."""
  words = json.loads(Path(order).read_text())
  config = config_lib.from_json(json.dumps(words['config']))
  try:
    return launch(config, workdir, command=words['command'])
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return error.status
