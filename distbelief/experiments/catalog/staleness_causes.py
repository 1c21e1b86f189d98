"""What makes gradients stale, on the virtual clock and on real clusters."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import page, staleness_causes
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.staleness_causes import Found

_PAGE = page.Page(
  title='What makes gradients stale',
  question=(
    'How stale are gradients, and does it depend on the number of replicas, on computing '
    'time and on latency, as is said?'
  ),
  source_numbers=(
    'Zhang et al. (2016), Section 3: with 30 equal learners the mean staleness is about '
    'the number of learners, and it exceeds twice that number with a probability below '
    '1e-4. The paper gives no number.'
  ),
  caption=(
    '*staleness*: number of updates between a fetch and the push that came of it. Steps '
    'of 0.1 s that vary by 15 %; where latency or computing time varies, 10 replicas. '
    'Latency is waited for before each fetch and each push. *theory*: '
    '(M - 1)(T + L) / (T + 2L). Medians over the seeds, and their intervals; *beyond '
    'twice M*: of the pushes of all seeds. Rows with the same settings have the same '
    'numbers, and are no second evidence.'
  ),
  deviations=(
    'Replicas on one machine, padded; on the virtual clock, simulated.',
    'Staleness 0 is a push to which no other came first. On the virtual clock without '
    'latency the mean is M - 1 by construction, whatever the machines do. On a cluster '
    'it is less, by the part of the time in which a replica holds no parameters: between '
    'two windows, and while its request for them travels.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
  replicas: tuple[int, ...] = staleness_causes.VIRTUAL_REPLICAS,
  cluster_replicas: tuple[int, ...] = staleness_causes.CLUSTER_REPLICAS,
  steps_per_replica: int = 100,
  stamp: str = '',
) -> Result:
  """Runs all cases with all seeds."""
  found = {
    **staleness_causes.measure_virtual(workdir, replicas, seeds, steps_per_replica),
    **staleness_causes.measure_clusters(
      workdir, cluster_replicas, seeds, steps_per_replica
    ),
  }
  fields = {
    'config': staleness_causes.CONFIG,
    'seeds': seeds,
    'cases': [
      {
        'what': what,
        'value': value,
        'seed': seed,
        'mean': m.mean,
        'p95': m.p95,
        'theory': m.theory,
        'pushes': m.pushes,
        'beyond_twice_the_replicas': m.beyond,
      }
      for (what, value, seed), m in found.items()
    ],
  }
  return page.of_runs(
    'staleness_causes',
    _PAGE,
    [measured.provenance for measured in found.values()],
    len(seeds),
    page.Found(
      staleness_causes.table(found),
      staleness_causes.judge(found, replicas, cluster_replicas, seeds),
      _picture(found, stamp),
      fields,
    ),
    staleness_causes.as_csv(found),
  )


def _picture(found: Found, stamp: str) -> bytes:
  from distbelief.pictures import against

  def line(what: str, field: str) -> against.Line:
    return against.Line(*staleness_causes.series(found, what, field))

  panels = [
    against.Panel(
      'replicas',
      'staleness, in updates',
      {
        'mean, virtual clock': line('replicas', 'mean'),
        '95th percentile, virtual clock': line('replicas', 'p95'),
        'mean, cluster': line('cluster', 'mean'),
        '95th percentile, cluster': line('cluster', 'p95'),
      },
    ),
    against.Panel(
      'seconds of a step, with a latency of 0.1 s',
      'staleness, in updates',
      {
        'mean': line('duration', 'mean'),
        '95th percentile': line('duration', 'p95'),
        'theory': line('duration', 'theory'),
      },
      logarithmic=False,
    ),
  ]
  return against.picture(panels, 'staleness and its causes', stamp)


EXPERIMENT = Experiment(
  name='staleness_causes',
  question='What makes gradients stale: number of replicas, computing time, latency?',
  claims='Z1 and Z2, of Zhang et al. 2016 (experiments/claims.toml)',
  minutes=20,
  output='paper_results/staleness_causes/staleness_causes.json',
  run=run,
  quick={
    'seeds': (0,),
    'replicas': (2, 10),
    'cluster_replicas': (2,),
    'steps_per_replica': 20,
    'stamp': 'quick: no result',
  },
)
