"""Shards that run independently of each other, on a real cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from distbelief.experiments import page, shard_skew
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.shard_skew import Measured

_PAGE = page.Page(
  title='Shards that differ',
  question=(
    'Shards of the parameter server apply pushes independently of each other, so that a '
    'fetch may get parts of different age. Does that happen, and does it do harm?'
  ),
  source_numbers=(
    'Section 4.1: at any moment shards may have had different numbers of updates, in '
    'different order; there is little theory for it, and it works in practice. There '
    'are no numbers.'
  ),
  caption=(
    '*skew*: largest version of the shards in a fetch less the smallest one, in updates. '
    '*opposite order*: pairs of pushes that two shards applied the other way round, of '
    'all pairs. *% correct*: on the hold-out set, at the end. Medians over the seeds, '
    'and their intervals.'
  ),
  deviations=(
    'Eight replicas whose steps of 50 ms are mostly sleep, on one machine: shards differ '
    'by how the processes are scheduled, not by the network.',
    'Synthetic speech, 1,600 minibatches, 190,000 parameters (`configs/quickstart.py`).',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = tuple(range(10)),
  replicas: int = 8,
  num_steps: int = 1600,
  stamp: str = '',
) -> Result:
  """Runs a cluster with one shard and with four, with all seeds."""
  found = shard_skew.measure(workdir, seeds, replicas, num_steps)
  fields = {
    'config': shard_skew.CONFIG,
    'seeds': seeds,
    'shards': {
      shards: [
        {'skewed': m.skewed, 'opposite': m.opposite, 'holdout_accuracy': m.accuracy}
        for m in own
      ]
      for shards, own in found.items()
    },
  }
  return page.of_runs(
    'shard_skew',
    _PAGE,
    [measured.provenance for own in found.values() for measured in own],
    len(seeds),
    page.Found(
      shard_skew.table(found), shard_skew.judge(found), _picture(found, stamp), fields
    ),
    shard_skew.as_csv(found, seeds),
  )


def _picture(found: Mapping[int, Sequence[Measured]], stamp: str) -> bytes:
  from distbelief.pictures import bars

  several = found[shard_skew.SHARDS[-1]]
  title = f'{shard_skew.SHARDS[-1]} shards: versions in a fetch'
  return bars.counts([measured.skews for measured in several], title, 'skew', stamp)


EXPERIMENT = Experiment(
  name='shard_skew',
  question='Do shards get apart, and does it do harm?',
  claims='C13 (experiments/claims.toml)',
  minutes=12,
  output='paper_results/shard_skew/shard_skew.json',
  run=run,
  quick={'seeds': (0,), 'replicas': 2, 'num_steps': 200, 'stamp': 'quick: no result'},
)
