"""Stale gradients against fresh ones, of the same minibatches, at updates of a run.

A push was computed from a version of the parameters that is older than the one to which
it is applied. Both versions are recomputed from the run's records; then the gradients of
the next minibatches are computed at either of them. They differ by staleness alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.replay.replay import Replay
from distbelief.telemetry.steps import Status


class Comparison(NamedTuple):
  """Stale gradients against fresh ones at one update.

  Attributes:
    update: Number of updates before it.
    staleness: Number of updates by which the stale parameters are older.
    cosine: Cosine of the stale gradient of a minibatch and its fresh one: the mean over
      minibatches.
    stale_variance: Variance of the stale gradients over minibatches, summed over the
      parameters.
    fresh_variance: The same of the fresh ones.
  """

  update: int
  staleness: int
  cosine: float
  stale_variance: float
  fresh_variance: float

  def as_json(self) -> dict[str, Any]:
    """Returns it with plain types; what is not finite is null."""
    return {
      name: value if np.isfinite(value) else None
      for name, value in zip(self._fields, self)
    }


def measure(
  workdir: Path | str, updates: Sequence[int], num_minibatches: int
) -> list[Comparison]:
  """Compares gradients at some updates of a run.

  Args:
    workdir: Directory of the run.
    updates: Numbers of updates applied before.
    num_minibatches: Number of minibatches at each, those of the pushes that come next;
      at least two.

  Returns:
    A comparison for each update.

  Raises:
    errors.UserError: If fewer pushes follow on an update.
    MisfitError: If the run cannot be recomputed.
  """
  found = Run(workdir).records
  found = found[found['pushed'] & (found['status'][:, 0] == Status.APPLIED)]
  found = found[np.argsort(found['version_applied'][:, 0])]
  following = {}
  for update in updates:
    first = int(np.searchsorted(found['version_applied'][:, 0], update + 1))
    following[update] = found[first : first + num_minibatches]
    if len(following[update]) < num_minibatches:
      raise errors.UserError(
        f'update {update} of {workdir} is followed by {len(following[update])} pushes, '
        f'not by {num_minibatches}: choose an earlier one'
      )
  held = {u: int(pushes['version_held'][0, 0]) for u, pushes in following.items()}
  replay = Replay(workdir)
  weights = replay.weights({*updates, *held.values()})
  compared = []
  for update, pushes in following.items():
    steps = [(int(push['replica']), int(push['step'])) for push in pushes]
    stale, fresh = (replay.gradients(weights[v], steps) for v in (held[update], update))
    compared.append(compare(update, update - held[update], stale, fresh))
  return compared


def compare(
  update: int,
  staleness: int,
  stale: Sequence[np.ndarray],
  fresh: Sequence[np.ndarray],
) -> Comparison:
  """Returns the comparison of gradients of the same minibatches.

  Args:
    update: Number of updates before.
    staleness: Number of updates by which the stale parameters are older.
    stale: Stale gradient of each minibatch, [P].
    fresh: Fresh gradient of each minibatch, [P].
  """
  one, other = (np.asarray(own, np.float64) for own in (stale, fresh))
  lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
  with np.errstate(divide='ignore', invalid='ignore'):
    cosines = (one * other).sum(axis=1) / lengths
  variances = (float(own.var(axis=0, ddof=1).sum()) for own in (one, other))
  return Comparison(update, staleness, float(cosines.mean()), *variances)
