"""Figure 4 of the paper in real seconds, on a cluster of padded replicas."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import figure4, figure4_cluster, figure4_results, page
from distbelief.experiments.experiment import Experiment, Result

_PAGE = page.Page(
  title='Figure 4 on a real cluster',
  question=(
    'Does what [figure 4](../figure4/README.md) finds on the virtual clock hold on real '
    'processes and in real seconds? And does the virtual clock tell beforehand what the '
    'cluster does, accuracy against time and all?'
  ),
  source_numbers=figure4_results.SOURCE_NUMBERS,
  caption=(
    'Times in seconds from the end of the warm start to the target on the hold-out set: '
    'medians over the seeds, and their intervals. The same configs ran on the virtual '
    'clock; *cluster / virtual clock* is how many times longer the cluster took to the '
    'target with the same seed. *staleness*, on the cluster: mean number of updates '
    'between a fetch and the push that came of it. '
    f'{figure4_results.PICTURE} Dashed: medians on the virtual clock.'
  ),
  deviations=figure4_cluster.DEVIATIONS,
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (1, 2, 3, 4, 5),
  replicas: tuple[int, ...] = figure4_cluster.REPLICAS,
  num_steps: int = figure4_cluster.NUM_STEPS,
  num_rates: int = 5,
  target: float = figure4_cluster.TARGET,
  stamp: str = '',
) -> Result:
  """Tunes on the virtual clock with seed 0, and trains on both clocks with all."""
  found = figure4_cluster.measure(workdir, replicas, seeds, num_steps, num_rates, target)
  cluster, virtual = found
  methods = cluster.methods.values()
  title = f'{figure4_results.relative_staleness(methods, num_steps)}; dashed: virtual'
  return page.of_runs(
    'figure4_cluster',
    _PAGE,
    [*virtual.provenance, *cluster.provenance],
    len(seeds),
    page.Found(
      figure4_cluster.table(found, seeds, target),
      figure4.judge(cluster, seeds, target, figure4_cluster.compared(replicas)),
      figure4_results.picture(
        cluster, seeds, target, title, stamp, dashed=virtual, unit='seconds'
      ),
      {
        'config': figure4_cluster.CONFIG,
        'target': target,
        'seeds': seeds,
        'methods': cluster.as_json(seeds, target),
        'methods_on_the_virtual_clock': virtual.as_json(seeds, target),
      },
    ),
    figure4_cluster.as_csv(found),
  )


EXPERIMENT = Experiment(
  name='figure4_cluster',
  question='Does Figure 4 look the same in real seconds, on a cluster of processes?',
  claims='C4, C5, C8 with up to 16 padded replicas (experiments/claims.toml)',
  minutes=40,
  output='paper_results/figure4_cluster/figure4_cluster.json',
  run=run,
  quick={
    'seeds': (0,),
    'replicas': (2, 4),
    'num_steps': 280,
    'num_rates': 1,
    'stamp': 'quick: no result',
  },
)
