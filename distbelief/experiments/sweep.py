"""Methods that are compared: each tuned on a grid of rates, then repeated with seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from distbelief import errors
from distbelief.analysis.run import Run
from distbelief.experiments import batch, curves, tuning
from distbelief.experiments.batch import Case
from distbelief.experiments.curves import Curve
from distbelief.experiments.results import or_null
from distbelief.experiments.tuning import Score, Tuned

TUNING_SEED = 0  # It tunes, and does not count.
_MOST_MOVES = 3  # Of a grid, by one rate each.

# Of cases, the directory of all, and a title; returns summaries.
Complete: TypeAlias = Callable[[Sequence[Case], Path, str], list[dict[str, Any]]]


class Method(NamedTuple):
  """What is compared with others.

  Attributes:
    label: Name in tables and pictures.
    replicas: Number of its replicas.
    fields: Other fields of the config that make it, by dotted name.
    rates: Grid of its learning rate, ascending.
    longer: Factor on the number of minibatches: many replicas do more in the same time.
    tuned_as: Method whose best rate it takes, because it goes the same way, only at other
      times; empty: it has a grid of its own.
  """

  label: str
  replicas: int
  fields: Mapping[str, Any]
  rates: tuple[float, ...]
  longer: int = 1
  tuned_as: str = ''


class Point(NamedTuple):
  """One run of a sweep."""

  method: str
  rate: float
  seed: int


class Sweep:
  """The runs of an experiment, all on one clock, and what came of them.

  Attributes:
    methods: Methods by name.
    curves: Curves of all runs so far.
    summaries: Summary of every run so far, in the same order.
    tuned: Outcome of each method's grid, by its name.
  """

  def __init__(
    self,
    name: str,
    workdir: Path,
    methods: Mapping[str, Method],
    config: str,
    fields: Mapping[str, Any],
    complete: Complete = batch.complete,
  ) -> None:
    """Initializes it without any run.

    Args:
      name: Name of the experiment, for the bar.
      workdir: Directory of the runs; finished ones are not repeated.
      methods: Methods by name.
      config: Path of the config file that all runs share.
      fields: Fields that differ from it in all runs, num_steps among them.
      complete: Function that does the runs that are missing: under the virtual clock, or
        on clusters.
    """
    self._name, self._workdir, self._complete = name, workdir, complete
    self._config, self._fields = config, fields
    self.methods = methods
    self.curves: dict[Point, Curve] = {}
    self.summaries: dict[Point, dict[str, Any]] = {}
    self.tuned: dict[str, Tuned] = {}

  def run(self, points: Iterable[Point], title: str) -> None:
    """Does the runs that are missing.

    Args:
      points: Runs.
      title: What they are for, in the bar.
    """
    cases = {point: self._case(point) for point in points if point not in self.curves}
    found = self._complete(list(cases.values()), self._workdir, f'{self._name}, {title}')
    for point, summary in zip(cases, found):
      self.summaries[point] = summary
      self.curves[point] = curves.of(self.run_of(point))

  def _case(self, point: Point) -> Case:
    method = self.methods[point.method]
    fields = {
      **self._fields,
      'num_steps': method.longer * self._fields['num_steps'],
      'cluster.num_replicas': method.replicas,
      **method.fields,
      'eval_steps': self._eval_steps(method),
      'server.learning_rate': point.rate,
      'seed': point.seed,
    }
    folder = f'{point.method}-{point.rate:g}-seed-{point.seed}'
    return Case(folder, self._config, fields)

  def _eval_steps(self, method: Method) -> int:
    """Returns more steps for longer runs; one evaluation ends every warm start."""
    fields = {**self._fields, **method.fields}
    own = method.longer * fields['eval_steps']
    return math.gcd(own, fields.get('downpour.warmstart_steps', 0))

  def run_of(self, point: Point) -> Run:
    """Returns a finished run."""
    return Run(self._workdir / self._case(point).folder)

  def tune(
    self, num_rates: int, target: float, title: str = 'rates', moves: bool = True
  ) -> None:
    """Finds each method's best rate: the one that first has the target accuracy.

    Args:
      num_rates: Number of rates to try for each method, the middle ones of its grid.
      target: Hold-out accuracy; where no rate reaches it, the largest one decides.
      title: What the runs are for, in the bar.
      moves: Whether a grid moves on as long as its best rate lies at its end.
    """

    def score(curve: Curve) -> Score:
      return Score(curve.seconds_to(target), curve.end)

    self._tune(num_rates, score, title, moves)

  def tune_loss(self, num_rates: int, title: str = 'rates') -> None:
    """Finds each method's best rate: that of the least hold-out loss in the end.

    Args:
      num_rates: Number of rates to try for each method, the middle ones of its grid.
      title: What the runs are for, in the bar.
    """

    def score(curve: Curve) -> Score:
      return Score(np.inf, curve.end, curve.losses[-1])

    self._tune(num_rates, score, title, moves=True)

  def _tune(
    self, num_rates: int, score: Callable[[Curve], Score], title: str, moves: bool
  ) -> None:
    grids = {
      name: _middle(method.rates, num_rates)
      for name, method in self.methods.items()
      if not method.tuned_as
    }
    for _ in range(_MOST_MOVES + 1):
      points = [
        Point(name, rate, TUNING_SEED) for name, grid in grids.items() for rate in grid
      ]
      self.run(points, title)
      for name, grid in grids.items():
        curves_of = {rate: self.curves[Point(name, rate, TUNING_SEED)] for rate in grid}
        self.tuned[name] = tuning.best({r: score(c) for r, c in curves_of.items()})
      moved = {
        name: tuning.moved(grid, self.tuned[name].rate)
        for name, grid in grids.items()
        if moves and self.tuned[name].at_the_edge and len(grid) > 2
      }
      if not moved:
        break
      grids |= moved
    for name, method in self.methods.items():
      if method.tuned_as:
        self.tuned[name] = self.tuned[method.tuned_as]

  def repeat(
    self, seeds: Sequence[int], neighbours: int = 0, title: str = 'seeds'
  ) -> None:
    """Runs each method at its best rate with all seeds.

    Args:
      seeds: Seeds.
      neighbours: Number of rates of the grid to either side that are repeated as well.
      title: What the runs are for, in the bar.
    """
    points = [
      Point(name, rate, seed)
      for name in self.methods
      for rate in self.rates(name, neighbours)
      for seed in seeds
    ]
    self.run(points, title)

  def rates(self, method: str, neighbours: int = 0) -> list[float]:
    """Returns a method's best rate, and its neighbours in the grid, ascending."""
    tuned = self.tuned[method]
    grid = sorted(tuned.scores)
    place = grid.index(tuned.rate)
    return grid[max(place - neighbours, 0) : place + neighbours + 1]

  def of(self, method: str, seeds: Sequence[int]) -> list[Curve]:
    """Returns a method's curves at its best rate, one per seed."""
    rate = self.tuned[method].rate
    return [self.curves[Point(method, rate, seed)] for seed in seeds]

  @property
  def provenance(self) -> list[dict[str, Any]]:
    """Provenance of every run."""
    return [summary['provenance'] for summary in self.summaries.values()]

  @property
  def processor_seconds(self) -> float:
    """Time of all runs under the virtual clock, which have one thread each."""
    return sum(summary['real_seconds'] for summary in self.summaries.values())

  def as_json(self, seeds: Sequence[int], target: float | None) -> dict[str, Any]:
    """Returns the numbers of each method; a target that was not reached is null.

    Args:
      seeds: Seeds.
      target: Hold-out accuracy to which times are compared; None: none are.
    """
    return {
      name: {
        'replicas': method.replicas,
        'tuned_as': method.tuned_as or name,
        'tuned': self.tuned[name].as_json(),
        **_to_target(found, target),
        'accuracy_at_the_end': [or_null(c.end) for c in found],
        'loss_at_the_end': [or_null(c.losses[-1]) for c in found],
        'accuracy_after_the_warm_start': [or_null(c.start) for c in found],
        'mean_staleness': [c.staleness for c in found],
      }
      for name, method in self.methods.items()
      for found in [self.of(name, seeds)]
    }

  def as_csv(self) -> str:
    """Returns all points of all curves."""
    rows = ((tuple(point), curve) for point, curve in self.curves.items())
    return curves.as_csv(Point._fields, rows)


def _to_target(found: Sequence[Curve], target: float | None) -> dict[str, Any]:
  if target is None:
    return {}
  return {
    'seconds_to_target': [or_null(c.seconds_to(target)) for c in found],
    'steps_to_target': [or_null(c.steps_to(target)) for c in found],
  }


def _middle(rates: Sequence[float], count: int) -> Sequence[float]:
  if not 1 <= count <= len(rates):
    raise errors.UserError(
      f'--option=num_rates={count} cannot be: a grid has {len(rates)} rates'
    )
  skipped = (len(rates) - count) // 2
  return rates[skipped : skipped + count]
