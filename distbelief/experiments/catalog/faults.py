"""A replica is killed in the middle of a run, on a real cluster."""

from __future__ import annotations

from pathlib import Path

from distbelief.experiments import faults, page, results
from distbelief.experiments.experiment import Experiment, Result

_PAGE = page.Page(
  title='A replica fails',
  question=(
    'If one machine fails in synchronous training, all wait. In Downpour the other '
    'replicas go on. How many updates are lost, and for how long?'
  ),
  source_numbers=(
    'Section 4.1: Downpour is more robust to machines that fail than synchronous SGD, '
    'whose whole training is delayed; a replica may fail, and the others continue. '
    'There are no numbers, and nothing is said of a failing parameter server.'
  ),
  caption=(
    'One of four replicas is killed (SIGKILL) after a third of the minibatches. '
    '*meanwhile*: from the kill to the first step of the replica that was started '
    'again; 3/4 of the rate before is all that three replicas can do, unless each is '
    'faster because fewer share the processors. A synchronous update takes a minibatch '
    'of each replica. Medians over the seeds, and their intervals. In the picture the '
    'range of the seeds.'
  ),
  deviations=(
    'Four replicas on one machine, whose steps of 50 ms are mostly sleep.',
    'The synchronous baseline ends when a task dies; the script starts the same command '
    'again at once, as a batch system would. It resumes from the last checkpoint, of at '
    'most five seconds before.',
  ),
)


def run(
  workdir: Path,
  *,
  seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
  num_steps: int = 2400,
  stamp: str = '',
) -> Result:
  """Kills a replica in a run of Downpour and of the synchronous baseline, per seed."""
  found = faults.measure(workdir, seeds, num_steps)
  fields = {
    'config': faults.CONFIG,
    'seeds': seeds,
    'cases': {
      case: [
        {
          'updates_per_second_before': m.before,
          'updates_per_second_meanwhile': m.meanwhile,
          'longest_gap_seconds': m.gap,
          'back_after_seconds': results.or_null(m.back),
          'exit_status': m.status,
        }
        for m in own
      ]
      for case, own in found.items()
    },
  }
  return page.of_runs(
    'faults',
    _PAGE,
    [measured.provenance for own in found.values() for measured in own],
    len(seeds),
    page.Found(faults.table(found), faults.judge(found), _picture(found, stamp), fields),
    faults.as_csv(found, seeds),
  )


def _picture(found: dict, stamp: str) -> bytes:
  from distbelief.pictures import recovery

  lines = {case: faults.rates(own) for case, own in found.items()}
  return recovery.picture(lines, 'updates of the parameters per second', stamp)


EXPERIMENT = Experiment(
  name='faults',
  question='What is lost when a replica dies, in Downpour and in synchronous training?',
  claims='C12 (experiments/claims.toml)',
  minutes=12,
  output='paper_results/faults/faults.json',
  run=run,
  quick={'seeds': (0,), 'num_steps': 600, 'stamp': 'quick: no result'},
)
