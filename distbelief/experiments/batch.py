"""Many runs under the virtual clock, several side by side, each in a process of its own.

The processes are forked from one that has imported TensorFlow already. What is finished
in its directory is not repeated, and what was interrupted is resumed; so a batch is a
list of what is missing, and may be called again at any time.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
import tqdm

from distbelief import config as config_lib
from distbelief import errors, run
from distbelief.experiments import runs
from distbelief.rundir import workdirs

_PRELOADED = ['distbelief.problem.preflight', 'distbelief.simulation.train_downpour']


class Case(NamedTuple):
  """A run of a batch.

  Attributes:
    folder: Directory of the run, below that of the batch; its name in messages.
    config: Path of a config file.
    fields: Fields that differ from it, by dotted name.
  """

  folder: str
  config: str
  fields: Mapping[str, Any]

  def load(self) -> ml_collections.ConfigDict:
    """Returns the config of the run."""
    return runs.load(self.config, self.fields)

  def command(self, workdir: Path) -> list[str]:
    """Returns the words by which a user does the same run."""
    fields = [f'--config.{name}={value}' for name, value in self.fields.items()]
    words = ['distbelief', 'train', f'--config={self.config}', f'--workdir={workdir}']
    return [*words, '--clock=virtual', *fields]


def complete(
  cases: Sequence[Case], workdir: Path, title: str, at_a_time: int | None = None
) -> list[dict[str, Any]]:
  """Does the runs that are missing; shows a bar with the time left.

  Args:
    cases: Runs, each with a folder of its own.
    workdir: Directory of the batch.
    title: Title of the bar.
    at_a_time: Number of runs side by side, each with one thread for an operation; by
      default one per processor.

  Returns:
    The summary of each run, in the order of the cases.

  Raises:
    errors.UserError: If a directory holds another run.
    errors.FailedRunError: If a run fails; those before it are kept.
  """
  configs = [case.load() for case in cases]
  folders = [workdir / case.folder for case in cases]
  if len({*folders}) < len(folders):
    raise ValueError(f'two cases of {title} have one folder')
  missing = [
    (case, config, folder)
    for case, config, folder in zip(cases, configs, folders)
    if not workdirs.is_finished(config, folder)
  ]
  for config, folder in zip(configs, folders):
    runs.refuse_another(config, folder)
  if missing:
    _complete(missing, title, at_a_time or len(os.sched_getaffinity(0)))
  return [json.loads((folder / 'summary.json').read_text()) for folder in folders]


def on_clusters(
  cases: Sequence[Case], workdir: Path, title: str, at_a_time: int = 1
) -> list[dict[str, Any]]:
  """Does the runs that are missing on real clusters of this machine.

  Args:
    cases: Runs, each with a folder of its own.
    workdir: Directory of the batch.
    title: Title of the lines that name the runs.
    at_a_time: Number of clusters that begin together; more than one are for replicas that
      mostly sleep.

  Returns:
    The summary of each run, in the order of the cases.
  """

  def finish(case: Case) -> dict[str, Any]:
    print(f'{title}: {case.folder}')
    return runs.finish(case.config, workdir / case.folder, case.fields)

  return runs.in_groups(finish, cases, at_a_time)


def _complete(
  missing: Sequence[tuple[Case, ml_collections.ConfigDict, Path]],
  title: str,
  at_a_time: int,
) -> None:
  context = multiprocessing.get_context('forkserver')
  context.set_forkserver_preload(_PRELOADED)
  total = sum(config.num_steps for _, config, _ in missing)
  with (
    concurrent.futures.ProcessPoolExecutor(
      at_a_time, context, max_tasks_per_child=1
    ) as processes,
    tqdm.tqdm(total=total, desc=title, unit=' steps', unit_scale=True) as bar,
  ):
    under_way = {
      processes.submit(
        _train, config_lib.to_json(config), str(folder), case.command(folder)
      ): (case, config, folder)
      for case, config, folder in missing
    }
    try:
      for done in concurrent.futures.as_completed(under_way):
        case, config, folder = under_way[done]
        if status := done.result():
          raise errors.FailedRunError(
            f'the run {case.folder} ended with status {status}: see {_log(folder)}'
          )
        bar.update(config.num_steps)
    except BrokenProcessPool:
      raise errors.FailedRunError(
        f'a run of {title} was killed; the same command goes on'
      ) from None
    finally:
      processes.shutdown(wait=False, cancel_futures=True)


def _log(folder: Path) -> Path:
  """Returns the file that gets what the run shows."""
  return folder / 'logs' / 'screen.log'


def _train(config: str, folder: str, command: list[str]) -> int:
  """Trains in this process, which does nothing else; returns an exit status."""
  os.environ['TF_NUM_INTRAOP_THREADS'] = '1'
  log = _log(Path(folder))
  log.parent.mkdir(parents=True, exist_ok=True)
  with open(log, 'ab') as screen:
    os.dup2(screen.fileno(), 1)
    os.dup2(screen.fileno(), 2)
  try:
    return run.launch(
      config_lib.from_json(config), folder, command=command, clock='virtual'
    )
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return error.status
