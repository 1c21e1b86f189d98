"""All pictures of one run."""

from __future__ import annotations

from collections.abc import Collection

from distbelief import config as config_lib
from distbelief.analysis.run import Run
from distbelief.pictures import staleness, style, swarm, timeline

MEANING = {
  'timeline': 'What each replica and each shard did, a few steps from the middle of the '
  'run.',
  'staleness': 'How many updates by others came between a fetch and the push of a '
  'gradient made with it.',
  'swarm': "The replicas' parameters, seen on the two directions in which they moved "
  'most.',
}


def of_run(run: Run, only: Collection[str] = tuple(MEANING)) -> dict[str, bytes]:
  """Returns PNG files by name; pictures without records are left out.

  Args:
    run: Run, finished or not.
    only: Names of the pictures, keys of MEANING.
  """
  pictures = {}
  if len(run.records):
    if 'timeline' in only:
      pictures['timeline'] = style.png(timeline.draw([run]))
    # Where nothing is asynchronous it is 0 by construction.
    if 'staleness' in only and config_lib.algorithm(run.config).is_asynchronous:
      pictures['staleness'] = style.png(staleness.draw(run))
  if 'swarm' in only and len(run.samples):
    pictures['swarm'] = style.png(swarm.draw(run))
  return pictures
