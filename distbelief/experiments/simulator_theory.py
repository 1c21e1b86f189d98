"""Checks the virtual clock against theory: staleness, and times of synchronous steps.

Staleness of M equal replicas whose steps take T (gamma, standard deviation 15 %) and
whose fetches and pushes wait L: M - 1; (M - 1) (T + L) / (T + 2 L); overlapped about
2 M - 1. A synchronous step takes the largest of M times, and with b backups the
(M - b)-th.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from distbelief import config as config_lib
from distbelief.experiments import runs, tolerances

CONFIG = 'configs/validation.py'
SIZES = (4, 16, 64)
BACKUPS = (0, 2, 8)  # Backups among 16 replicas.
LATENCY = 0.1
_T, _DEVIATION = 0.2, 0.15
STEPS = 400  # Steps of each replica.
_DRAWN = 400_000


def cases(steps_of_replica: int = STEPS) -> dict[str, dict[str, Any]]:
  """Returns the changes of each case to the config, by name."""
  found: dict[str, dict[str, Any]] = {}
  for size in SIZES:
    own = {'cluster.num_replicas': size, 'num_steps': steps_of_replica * size}
    own['eval_steps'] = own['num_steps']
    found[f'{size} replicas'] = own
    found[f'{size} replicas, latency'] = {**own, 'cluster.latency_seconds': LATENCY}
    found[f'{size} replicas, overlapped'] = {**own, 'downpour.overlap': True}
  for backups in BACKUPS:
    steps = steps_of_replica * (16 - backups)
    found[f'synchronous, {backups} backups'] = {
      'algorithm': 'synchronous',
      'cluster.num_replicas': 16,
      'synchronous.backup_workers': backups,
      'num_steps': steps,
      'eval_steps': steps,
    }
  return found


def order_statistic(count: int, place: int) -> float:
  """Returns the mean of the `place`-th of so many step times, by sampling; seconds."""
  shape = _DEVIATION**-2
  drawn = np.random.default_rng(0).gamma(shape, _T / shape, [_DRAWN // count, count])
  return float(np.partition(drawn, place - 1, axis=1)[:, place - 1].mean())


def all_claims() -> list[tolerances.Tolerance]:
  """Returns the claims that theory makes on the cases."""
  found = []
  for size in SIZES:
    name, part = f'{size} replicas', (_T + LATENCY) / (_T + 2 * LATENCY)
    found += [
      tolerances.within(f'staleness, {name}', size - 1, 0.03, _of(name)),
      tolerances.within(
        f'staleness, {name}, latency',
        (size - 1) * part,
        0.03,
        _of(f'{name}, latency'),
      ),
      # About: a fetch and a push that start together meet at the shard.
      tolerances.within(
        f'staleness, {name}, overlapped', 2 * size - 1, 0.15, _of(f'{name}, overlapped')
      ),
    ]
  for backups in BACKUPS:
    found.append(
      tolerances.within(
        f'seconds of a synchronous step, 16 replicas, {backups} backups',
        order_statistic(16, 16 - backups),
        0.02,
        _of(f'synchronous, {backups} backups'),
      )
    )
  return found


def _of(case: str) -> Callable[[dict[str, float]], float]:
  return lambda repetition: repetition[case]


def repeat(
  workdir: Path,
  repetitions: int,
  say: Callable[[str], None] = print,
  *,
  steps: int = STEPS,
) -> list[dict[str, float]]:
  """Runs all cases with several seeds; returns staleness or seconds of a step of each.

  Args:
    workdir: Directory of the runs.
    repetitions: Number of seeds.
    say: Function that shows a line.
    steps: Number of steps of each replica.
  """
  found: list[dict[str, float]] = []
  for seed in range(repetitions):
    found.append({})
    for index, (name, fields) in enumerate(cases(steps).items()):
      say(f'seed {seed}: {name}')
      config = runs.load(CONFIG, {**fields, 'seed': seed})
      summary = runs.finish(config, workdir / f'{seed}-{index}', {}, 'virtual')
      if config_lib.algorithm(config).replicas_wait:
        found[-1][name] = summary['seconds'] / summary['updates']
      else:
        found[-1][name] = summary['staleness']['mean']
  return found
