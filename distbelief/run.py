"""From a config and a workdir to a finished run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_collections

from distbelief import config as config_lib
from distbelief import errors, user_code
from distbelief.models import architecture, handed_over
from distbelief.rundir import workdirs
from distbelief.telemetry import provenance


def train(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  model: Any = None,
  data: Callable[[str, int], Any] | str | None = None,
  clock: str = 'cluster',
) -> dict[str, Any]:
  """Trains as `config` says, on a cluster of processes on this machine.

  The same as `distbelief train`, from Python. The cluster is started from a
  process of its own: the caller is never forked, and its TensorFlow not touched.

  Args:
    config: Config that starts from `distbelief.default_config()`.
    workdir: Directory of the run; if it has a run of the same config, that is resumed.
    model: Model that replaces config.model.name: a built Keras 3 model (it stays as it
      is; the trained one is model.keras in `workdir`), or a function at the top level of
      a file that returns one, or its name.
    data: Data that replace config.data.name: a function at the top level of a file, of
      (split, seed) with split 'train' or 'holdout', that returns a tf.data.Dataset of
      single examples (inputs, label); or its name.
    clock: Clock backend: cluster, or virtual: simulated time, in one process.

  Returns:
    The contents of the run's summary.json.

  Raises:
    errors.UserError: If a field is invalid, the workdir holds another run, or the model
      or the data cannot be handed to another process.
    RuntimeError: If the training failed; the reason is on standard error.
  """
  user_code.refuse_while_importing('distbelief.train')
  config = config.copy_and_resolve_references()
  if data is not None:
    config.data.name = data if isinstance(data, str) else user_code.name_of('data', data)
  if model is not None:
    config.model.name = _name_of_model(model)
  config_lib.check(config, clock)
  with workdirs.hold(Path(workdir)):
    workdirs.prepare(config, Path(workdir), clock)
    if config.model.name == handed_over.FILE_NAME and hasattr(model, 'save'):
      _save(model, Path(workdir) / handed_over.FILE_NAME)
  with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
    # The summary names the caller's command: that one can be repeated.
    order = {'config': config.to_dict(), 'command': sys.argv, 'clock': clock}
    json.dump(order, file)
    file.flush()
    words = [sys.executable, '-m', f'{__package__}._launched', file.name]
    words.append(os.fspath(workdir))
    status = _run(words)
  if status:
    raise RuntimeError(f'training in {workdir} ended with status {status}')
  return json.loads((Path(workdir) / 'summary.json').read_text())


def _name_of_model(model: Any) -> str:
  if isinstance(model, str):
    return model
  if isinstance(model, type) or not hasattr(model, 'save'):
    return user_code.name_of('model', model)
  if not model.built:
    raise errors.UserError(
      f'model ({model.name}) is not built: give it a keras.Input, or call build()'
    )
  return handed_over.FILE_NAME


def _save(model: Any, path: Path) -> None:
  """Writes a model for other processes, unless the run has begun with it.

  Raises:
    errors.UserError: If it cannot be written, or the run has begun with another one.
  """
  begun = any((path.parent / name).exists() for name in ('checkpoints', 'steps'))
  if begun and path.exists():
    if architecture.of_file(path) == architecture.of_model(model):
      return
    raise errors.UserError(
      f'model ({model.name}) differs from that of the run in {path.parent}: choose '
      'another workdir'
    )
  try:
    model.save(path)
  except Exception as error:  # Keras may raise anything.
    raise errors.UserError(
      f'model ({model.name}) cannot be saved: {errors.one_line(error)}; let its classes '
      'have get_config(), or hand over a function that makes it'
    ) from error


def _run(words: list[str]) -> int:
  """Runs a launcher; Ctrl-C reaches it once, and leaves it time for a checkpoint.

  It ends likewise when this process is killed: its standard input is closed then.
  """
  environ = {**os.environ, 'PYTHONPATH': user_code.python_path()}
  with subprocess.Popen(
    words, stdin=subprocess.PIPE, start_new_session=True, env=environ
  ) as process:
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
  clock: str = 'cluster',
) -> int:
  """Runs a whole cluster on this machine, or one task of a larger one.

  Args:
    config: Config of the run; checked here.
    workdir: The run's directory.
    tf_config: Parsed TF_CONFIG of the environment; None: start everything.
    command: Command that started this process, for the summary; by default sys.argv.
    clock: The clock backend: cluster (real processes) or virtual (simulated time, in
      this process).

  Returns:
    Exit status, see errors.py.
  """
  if tf_config is not None and clock == 'cluster':
    from distbelief.cluster.launch import external_task

    config_lib.check_fields(config)  # The rest once the cluster is known.
    return external_task.run_task(config, workdir, tf_config)
  config_lib.check(config, clock)
  with contextlib.ExitStack() as stack:
    if clock == 'virtual':
      stack.enter_context(_device_of_simulator(config.cluster.device))
    stack.enter_context(workdirs.hold(Path(workdir)))
    if workdirs.prepare(config, Path(workdir), clock):
      print(workdirs.already_finished(config, workdir))
      return errors.DONE
    config = handed_over.resolved(config, Path(workdir))
    invocation = provenance.Invocation.of_this_process()
    invocation = invocation._replace(command=command or sys.argv)
    if clock == 'virtual':
      from distbelief.simulation import launch as simulator

      return simulator.launch(config, workdir, invocation)
    from distbelief.cluster.launch import local

    return local.launch(config, workdir, invocation)


@contextlib.contextmanager
def _device_of_simulator(device: str) -> Iterator[None]:
  """Makes config.cluster.device visible to TensorFlow, which must not have started.

  Raises:
    errors.ConfigError: If the device is a GPU, and there is none.
  """
  from distbelief.cluster.launch import environment

  gpus, name = environment.gpus(os.environ), 'CUDA_VISIBLE_DEVICES'
  before = os.environ.get(name)
  os.environ[name] = environment.visible_gpus('worker', 0, device, gpus)
  try:
    yield
  finally:
    if before is None:
      del os.environ[name]
    else:
      os.environ[name] = before
