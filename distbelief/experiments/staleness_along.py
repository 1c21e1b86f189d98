"""Along runs with a fixed staleness: the loss of updates, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distbelief.analysis.run import Run
from distbelief.experiments import intervals, tables
from distbelief.experiments.results import or_null
from distbelief.experiments.staleness_effects import ARMS, BATCH_SIZE, Effects

if TYPE_CHECKING:  # It imports TensorFlow.
  from distbelief.replay.stale_gradients import Comparison

BINS = 20  # Of the updates of a run, for the loss.
UPDATES = 5  # At which gradients are compared, in each run.
MINIBATCHES = 16  # At each of them.

Cell = tuple[int, int]  # (depth, staleness).


def losses(folders: Sequence[Path], num_bins: int = BINS) -> np.ndarray:
  """Returns the quartiles of the loss of updates, [bins, 3]; of all seeds together.

  The loss is that of an update's minibatch, at the parameters that were fetched for it;
  one that is not finite counts as infinite.

  Args:
    folders: Directory of the run of each seed.
    num_bins: Number of equal parts of a run.
  """
  own = []
  for folder in folders:
    records = Run(folder).records
    order = np.argsort(records['version_applied'][:, 0], kind='stable')
    own.append(np.nan_to_num(records['loss'][order], nan=np.inf, posinf=np.inf))
  parts = zip(*(np.array_split(loss, num_bins) for loss in own))
  return np.array(
    [
      np.quantile(np.concatenate(part), (0.25, 0.5, 0.75), method='nearest')
      for part in parts
    ]
  )


def losses_of(
  found: Sequence[Effects], arm: str, seeds: Sequence[int]
) -> dict[Cell, np.ndarray]:
  """Returns the quartiles of the loss of every depth and staleness, [bins, 3] each."""
  return {
    (one.depth, s): losses(
      [one.sweep.run_of(one.point(s, arm, seed)).workdir for seed in seeds]
    )
    for one in found
    for s in one.staleness
  }


def gradients(found: Sequence[Effects], seed: int) -> dict[Cell, list[Comparison]]:
  """Compares stale with fresh gradients, along the run at the best rate with a seed."""
  from distbelief.replay import stale_gradients

  compared = {}
  for one in found:
    for s in one.staleness[1:]:
      folder = one.sweep.run_of(one.point(s, 'best', seed)).workdir
      last = one.sweep.curves[one.point(s, 'best', seed)].steps[-1]
      updates = [last * part // (UPDATES + 1) for part in range(1, UPDATES + 1)]
      compared[one.depth, s] = stale_gradients.measure(folder, updates, MINIBATCHES)
  return compared


def table(
  found: Sequence[Effects],
  seeds: Sequence[int],
  loss: Mapping[Cell, np.ndarray],
  compared: Mapping[Cell, Sequence[Comparison]],
) -> str:
  """Returns a table of every depth and staleness, in Markdown.

  Args:
    found: Runs.
    seeds: Seeds.
    loss: Quartiles of the loss at the best rates.
    compared: Gradients that were compared.
  """
  rows = []
  for one in found:
    slow = {arm: one.slowdowns(arm, seeds) for arm in ARMS}
    for index, s in enumerate(one.staleness):
      examples = BATCH_SIZE * one.steps('best', seeds)[index]
      low, middle, high = loss[one.depth, s][-1]
      rows.append(
        (
          str(one.depth),
          str(s),
          f'{one.point(s, "best", seeds[0]).rate:g}',
          intervals.of_times(examples.tolist()),
          *(intervals.of_times(slow[arm][index].tolist()) for arm in ('best', 'same')),
          f'{middle:.2f} ({low:.2f} to {high:.2f})',
          *_of_gradients(compared.get((one.depth, s), ())),
        )
      )
  head = (
    *('depth', 'staleness', 'best rate', 'examples to the target', 'times as many'),
    *('at one rate', 'loss at the end', 'cosine', 'variance, stale / fresh'),
  )
  return tables.markdown(head, rows)


def _of_gradients(compared: Sequence[Comparison]) -> tuple[str, str]:
  """Returns median and range over the updates, of cosine and ratio of variances."""
  if not compared:
    return '', ''
  ratios = [c.stale_variance / max(c.fresh_variance, 1e-30) for c in compared]
  return _middle([c.cosine for c in compared]), _middle(ratios)


def _middle(values: Sequence[float]) -> str:
  return f'{np.median(values):.2f} ({min(values):.2f} to {max(values):.2f})'


def as_json(
  found: Sequence[Effects],
  seeds: Sequence[int],
  loss: Mapping[str, Mapping[Cell, np.ndarray]],
  compared: Mapping[Cell, Sequence[Comparison]],
) -> list[dict[str, Any]]:
  """Returns all numbers of each depth with plain types; what is not finite is null.

  Args:
    found: Runs.
    seeds: Seeds.
    loss: Quartiles of the loss, by arm.
    compared: Gradients that were compared.
  """
  return [
    {
      'depth': one.depth,
      'target': one.target,
      'methods': one.sweep.as_json(seeds, one.target),
      'staleness': [
        {
          'staleness': s,
          **{
            arm: {
              'rate': one.point(s, arm, seeds[0]).rate,
              'examples_to_target': _plain(BATCH_SIZE * one.steps(arm, seeds)[index]),
              'times_those_of_staleness_0': _plain(one.slowdowns(arm, seeds)[index]),
              'loss_quartiles': [_plain(part) for part in loss[arm][one.depth, s]],
            }
            for arm in ARMS
          },
          'gradients': [c.as_json() for c in compared.get((one.depth, s), ())],
        }
        for index, s in enumerate(one.staleness)
      ],
    }
    for one in found
  ]


def _plain(values: np.ndarray) -> list[float | None]:
  return [or_null(value) for value in values]
