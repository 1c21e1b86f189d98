"""Shards that run independently: how far apart they get, and whether it does harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief.analysis import staleness
from distbelief.analysis.run import Run
from distbelief.experiments import intervals, runs, tables, verdicts
from distbelief.experiments.verdicts import Judgement

CONFIG = 'configs/quickstart.py'
# Machines vary, so that pushes come in another order every time.
_FIELDS = {'cluster.step_distribution': 'gamma', 'telemetry.swarm_seconds': 0.0}
SHARDS = (1, 4)


class Measured(NamedTuple):
  """One run.

  Attributes:
    skews: Difference between the largest and the smallest version of the shards in each
      fetch.
    opposite: Part of the pairs of pushes that two shards applied in opposite order.
    accuracy: Hold-out accuracy of the trained model.
    provenance: Provenance of the run.
  """

  skews: list[int]
  opposite: float
  accuracy: float
  provenance: Mapping[str, Any]

  @property
  def skewed(self) -> float:
    """Part of the fetches that got versions of different age."""
    return float(np.mean(np.asarray(self.skews) > 0))


def measure(
  workdir: Path, seeds: Sequence[int], replicas: int, num_steps: int
) -> dict[int, list[Measured]]:
  """Runs Downpour with one shard and with several, with all seeds.

  Args:
    workdir: Directory of the runs; finished ones are not repeated.
    seeds: Seeds.
    replicas: Number of replicas.
    num_steps: Number of minibatches of a run.

  Returns:
    Figures of each seed, by the number of shards.
  """
  found: dict[int, list[Measured]] = {shards: [] for shards in SHARDS}
  for seed in seeds:
    cases = {
      f'{shards}-shards': {
        **_FIELDS,
        'seed': seed,
        'num_steps': num_steps,
        'cluster.num_replicas': replicas,
        'cluster.num_parameter_servers': shards,
      }
      for shards in SHARDS
    }
    (own,) = runs.repeat(CONFIG, cases, _measure, workdir / f'seed-{seed}', 1)
    for shards in SHARDS:
      found[shards].append(own[f'{shards}-shards'])
  return found


def _measure(folder: Path, summary: Mapping[str, Any]) -> Measured:
  run = Run(folder)
  opposite, pairs = staleness.opposite_orders(run.pushes)
  return Measured(
    staleness.skew(run.records).tolist(),
    opposite / pairs if pairs else 0.0,
    summary['holdout_accuracy'],
    summary['provenance'],
  )


def judge(found: Mapping[int, Sequence[Measured]]) -> list[Judgement]:
  """Returns the verdicts on C13: that shards differ, and that it does no harm."""
  one, several = (found[shards] for shards in SHARDS)
  lost = [100 * (b.accuracy - a.accuracy) for a, b in zip(one, several)]
  return [
    verdicts.judge('C13', [measured.skewed for measured in several], {}),
    verdicts.judge('C13-harm', lost, {'skewed': all(m.skewed > 0 for m in several)}),
  ]


def table(found: Mapping[int, Sequence[Measured]]) -> str:
  """Returns a table of both, in Markdown."""
  rows = [
    (
      str(shards),
      intervals.of_percent([m.skewed for m in own]),
      str(intervals.median([float(np.mean(m.skews)) for m in own])),
      str(max(max(m.skews) for m in own)),
      intervals.of_percent([m.opposite for m in own]),
      intervals.of_percent([m.accuracy for m in own]),
    )
    for shards, own in found.items()
  ]
  head = (
    *('shards', '% of fetches with skew', 'mean skew', 'largest'),
    *('% of pairs in opposite order', '% correct'),
  )
  return tables.markdown(head, rows)


def as_csv(found: Mapping[int, Sequence[Measured]], seeds: Sequence[int]) -> str:
  """Returns how many fetches had each skew."""
  lines = ['shards,seed,skew,fetches']
  for shards, own in found.items():
    for seed, measured in zip(seeds, own):
      skews, counts = np.unique(measured.skews, return_counts=True)
      lines += [f'{shards},{seed},{s},{c}' for s, c in zip(skews, counts)]
  return '\n'.join(lines) + '\n'
