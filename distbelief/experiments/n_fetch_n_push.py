"""Fewer fetches and pushes: what they save, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from distbelief.experiments import figure4, gates, intervals, tables, verdicts
from distbelief.experiments.figure4 import FIXED
from distbelief.experiments.sweep import Method, Point, Sweep
from distbelief.experiments.verdicts import Judgement

NUM_STEPS, WARM_STEPS = 6000, 2000
TARGET = 0.35  # Well above what the warm start reaches, 0.30.
REPLICAS = 20
EQUAL = (1, 2, 5, 10, 20)  # n_fetch = n_push.
_APART = ((10, 1), (1, 10))  # (n_fetch, n_push).
_RATES = {
  'fixed': (0.03, 0.06, 0.12, 0.25, 0.5),
  'adagrad': (0.01, 0.02, 0.04, 0.08, 0.16),
}
_LABELS = {'fixed': 'fixed rate', 'adagrad': 'Adagrad'}
_DECIDING = 10  # n_push at which accrued gradients are compared with single ones.


def name_of(rule: str, n_fetch: int, n_push: int) -> str:
  """Returns the name of a method."""
  return f'{rule}_{n_fetch}_{n_push}'


def methods(intervals_of: Sequence[tuple[int, int]]) -> dict[str, Method]:
  """Returns both rules with pairs (n_fetch, n_push), and without the local step."""
  found = {
    name_of(rule, n_fetch, n_push): Method(
      f'{label}, {n_fetch}, {n_push}',
      REPLICAS,
      {
        **(FIXED if rule == 'fixed' else {}),
        'downpour.n_fetch': n_fetch,
        'downpour.n_push': n_push,
      },
      # A push is a sum: of n gradients it moves a fixed rate n times as far.
      tuple(r / n_push for r in _RATES[rule]) if rule == 'fixed' else _RATES[rule],
    )
    for rule, label in _LABELS.items()
    for n_fetch, n_push in intervals_of
  }
  local = found[name_of('adagrad', *intervals_of[-1])]
  found['no_local_step'] = local._replace(
    label=f'{local.label}, no local step',
    fields={**local.fields, 'downpour.learning_rate': 0.0},
  )
  return found


def pairs(equal: Sequence[int]) -> list[tuple[int, int]]:
  """Returns pairs (n_fetch, n_push); the last one is the longest interval of both."""
  return [*_APART, *((n, n) for n in equal)]


def measure(
  workdir: Path,
  intervals_of: Sequence[tuple[int, int]],
  seeds: Sequence[int],
  num_steps: int,
  num_rates: int,
  target: float,
) -> Sweep:
  """Tunes every pair with seed 0, and runs it with all seeds."""
  fields = figure4.fields(num_steps, [WARM_STEPS * num_steps // NUM_STEPS])
  sweep = Sweep('n_fetch, n_push', workdir, methods(intervals_of), figure4.CONFIG, fields)
  sweep.tune(num_rates, target)
  sweep.repeat(seeds)
  return sweep


def models_moved(sweep: Sweep, name: str, seed: int) -> float:
  """Returns how often all parameters travel for a minibatch after the warm start.

  Fetches and pushes of the records are counted; nothing is measured on a wire.
  """
  run = sweep.run_of(Point(name, sweep.tuned[name].rate, seed))
  warm = int(run.config.downpour.warmstart_steps)
  records = np.sort(run.records, order='compute_end')[warm:]
  pushes = run.pushes[~run.pushes['warm']]
  return float((records['fresh'].sum() + len(pushes)) / len(records))


def deviations(
  sweep: Sweep, pairs_: Sequence[tuple[int, int]], seeds: Sequence[int]
) -> list[float]:
  """Returns the largest relative difference of traffic from the closed form, per seed."""
  return [
    max(
      abs(
        models_moved(sweep, name_of(rule, *pair), seed) / (1 / pair[0] + 1 / pair[1]) - 1
      )
      for pair in pairs_
      for rule in _LABELS
    )
    for seed in seeds
  ]


def judge(
  sweep: Sweep,
  pairs_: Sequence[tuple[int, int]],
  seeds: Sequence[int],
  target: float,
) -> list[Judgement]:
  """Returns the verdicts on C14, and on what accrued gradients cost (Zhang et al.)."""
  judged = [verdicts.judge('C14', deviations(sweep, pairs_, seeds), {})]
  for claim, rule in (('C14-fixed', 'fixed'), ('C14-adagrad', 'adagrad')):
    names = (name_of(rule, 1, 1), name_of(rule, 1, _DECIDING))
    steps = [
      [curve.steps_to(target) for curve in sweep.of(name, seeds)] for name in names
    ]
    gate = {
      'reached': bool(np.isfinite(steps[0]).all()),
      **gates.tuned(sweep, names),
    }
    judged.append(verdicts.judge(claim, np.divide(steps[1], steps[0]).tolist(), gate))
  return judged


def table(sweep: Sweep, seeds: Sequence[int], target: float) -> str:
  """Returns a table of all methods, in Markdown."""
  rows = []
  for name, method in sweep.methods.items():
    tuned, found = sweep.tuned[name], sweep.of(name, seeds)
    moved = [models_moved(sweep, name, seed) for seed in seeds]
    rows.append(
      (
        method.label,
        str(tuned),
        str(intervals.median(moved)),
        intervals.of_times([curve.steps_to(target) for curve in found]),
        intervals.of_times([curve.seconds_to(target) for curve in found]),
        intervals.of_percent([curve.end for curve in found]),
      )
    )
  head = (
    *('rule, n_fetch, n_push', 'rate', 'models moved a minibatch'),
    *(f'minibatches to {target:.0%}', f's to {target:.0%}', '% correct at the end'),
  )
  return tables.markdown(head, rows)
