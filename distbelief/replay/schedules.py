"""Derives a launch's schedule from its records, and checks it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import ml_collections
import numpy as np

from distbelief import errors
from distbelief.algorithms import downpour as client
from distbelief.recompute.dataflow import Dataflow, Push, Step
from distbelief.telemetry.records import derived_staleness
from distbelief.telemetry.steps import Status, Times, is_counted

_ACCURACY = 2.5  # Allowed difference between recorded and recomputed; in examples.
_CLIENT = ('replica', 'incarnation')
_ORDERED = (
  *(('wait_start', 'wait_end'), ('fetch_start', 'fetch_end')),
  *(('compute_start', 'compute_end'), ('push_start', 'push_end')),
)


class MisfitError(errors.UserError):
  """A record that contradicts the others, or the recomputed values."""


class OtherValueError(MisfitError):
  """A record whose value is another one than the recomputed one."""


def misfit(
  record: np.void, why: str, kind: type[MisfitError] = MisfitError
) -> MisfitError:
  """Returns the error that names a record."""
  return kind(
    f'the record of step {record["step"]} of replica {record["replica"]} (incarnation '
    f'{record["incarnation"]}) does not fit: {why}'
  )


@dataclasses.dataclass
class _Sent:
  """A recorded push."""

  places: np.ndarray  # Indices of its records.
  pushed: bool  # Else its steps were still accrued, or lost with their replica.
  warm: bool


class Computed(NamedTuple):
  """The recomputed results of steps, each [steps]."""

  known: np.ndarray  # Whether the step was recomputed; else the rest is undefined.
  losses: np.ndarray
  accuracies: np.ndarray
  finite: np.ndarray  # Whether the sum of gradients that contains it is finite.
  whole: np.ndarray  # Whether that sum is its whole push.


@dataclasses.dataclass
class Schedule:
  """A launch's records in an order in which they can be recomputed.

  Attributes:
    records: Records of the steps, [steps], grouped by replica.
    starts: Versions before the launch, [shards] int64.
    ends: Versions after the launch, [shards] int64.
    num_replicas: Number of replicas of the launch.
    sent: Pushes of Downpour, in the order of the records.
    orders: Order in which each shard applied the pushes, as indices into `sent`.
    updates: Updates of a synchronous launch: [updates, replicas] indices of records.
    accuracy: Allowed difference between a recorded accuracy and a recomputed one.
  """

  records: np.ndarray
  starts: np.ndarray
  ends: np.ndarray
  num_replicas: int
  sent: list[_Sent] = dataclasses.field(default_factory=list)
  orders: list[list[int]] = dataclasses.field(default_factory=list)
  updates: np.ndarray | None = None
  accuracy: float = 0.0

  def until(self, update: int) -> Schedule:
    """Returns the part of the schedule until shard 0 had the version `update`."""
    if update == self.ends[0]:
      return self
    count = update - int(self.starts[0])
    if self.updates is not None:
      # Some made no version; they belong before the next one that did.
      made = np.array([self._version_of(places) for places in self.updates])
      kept = self.updates[made <= update]
      return dataclasses.replace(self, updates=kept, ends=np.array([update]))
    ended = self.records['update_end']
    lasts = [sent.places[-1] for sent in self.sent]
    now = ended[lasts[self.orders[0][count - 1]], 0] if count else -np.inf
    counts = [count] + [
      sum(ended[lasts[i], shard] <= now for i in order)
      for shard, order in enumerate(self.orders[1:], 1)
    ]
    counts = self._closed(counts)
    orders = [order[:n] for order, n in zip(self.orders, counts)]
    applied = {index for order in orders for index in order}
    sent: list[_Sent] = []
    numbers = {}  # New indices of the pushes that stay.
    for index, push in enumerate(self.sent):
      done = self.records['compute_end'][push.places] <= now
      if index in applied:
        done[:] = True
      if done.any():
        numbers[index] = len(sent)
        pushed = push.pushed and bool(done.all())
        sent.append(dataclasses.replace(push, places=push.places[done], pushed=pushed))
    return dataclasses.replace(
      self,
      ends=self.starts + counts,
      sent=sent,
      orders=[[numbers[index] for index in order] for order in orders],
    )

  def _closed(self, counts: list[int]) -> list[int]:
    """Returns counts of updates such that none depends on one that is left out.

    The alignment of the shards' clocks may be slightly off.
    """
    counts = list(counts)
    while True:
      before = list(counts)
      for order, count in zip(self.orders, before):
        for index in order[:count]:
          held = self.records['version_held'][self.sent[index].places]
          needed = held.max(axis=0) - self.starts
          counts = [max(c, int(n)) for c, n in zip(counts, needed)]
      if counts == before:
        return counts

  def _version_of(self, places: np.ndarray) -> int:
    return int(self.records['version_applied'][places, 0].max())

  def feed(self, flow: Dataflow) -> list[Push]:
    """Passes the schedule to a dataflow; returns the pushes, with their steps."""
    found = self.records
    pushes = []
    for sent in self.sent:
      first = found[sent.places[0]]
      push = Push(
        (int(first['replica']), int(first['incarnation'])),
        int(first['sequence']),
        warm=sent.warm,
      )
      for place in sent.places:
        record = found[place]
        held = None
        if record['fresh']:
          held = tuple(
            flow.hold(shard, int(version))
            for shard, version in enumerate(record['version_held'])
          )
        step = Step(push.client[0], int(record['step']), held)
        step.times = Times(compute_end=float(record['compute_end']))
        flow.add(step, push)
      if sent.pushed:
        flow.close(push)
      pushes.append(push)
    for shard, order in enumerate(self.orders):
      for index in order:
        flow.apply(pushes[index], shard)
    return pushes

  def compare(self, computed: Computed, tolerance: float) -> None:
    """Compares recomputed values with the records.

    Args:
      computed: Recomputed results of the records of `sent`, or of `updates` one after the
        other.
      tolerance: Allowed difference of losses, absolute and relative.

    Raises:
      MisfitError: Names the first record that differs.
    """
    if self.updates is not None:
      places = self.updates.ravel()
    else:
      places = np.concatenate([np.zeros([0], int), *(s.places for s in self.sent)])
    found = self.records[places]
    apart = computed.known & ~np.isclose(
      computed.losses, found['loss'], tolerance, tolerance, equal_nan=True
    )
    off = computed.known & ~np.isclose(
      computed.accuracies, found['accuracy'], 0, self.accuracy, equal_nan=True
    )
    applied = (found['status'] == Status.APPLIED).any(axis=1)
    dropped = (found['status'] == Status.DROPPED).any(axis=1)
    wrong = (applied & ~computed.finite) | (dropped & computed.finite)
    wrong &= computed.whole
    bad = np.flatnonzero(apart | off | wrong)
    if not len(bad):
      return
    first = bad[np.argmin(found['compute_end'][bad])]
    for name, which, values in (
      ('loss', apart, computed.losses),
      ('accuracy', off, computed.accuracies),
    ):
      if which[first]:
        raise misfit(
          found[first],
          f'its {name} is {found[name][first]:.6g}, and {values[first]:.6g} when '
          'recomputed from the records before it',
          OtherValueError,
        )
    told = 'applied' if applied[first] else 'dropped as not finite'
    raise misfit(found[first], f'its push was {told}, and recomputed it is the opposite')


def downpour(
  records: np.ndarray,
  starts: np.ndarray,
  num_replicas: int,
  config: ml_collections.ConfigDict,
  is_over: bool = True,
) -> Schedule:
  """Returns the schedule of one launch of Downpour.

  Args:
    records: Records of the launch's steps, [steps]; times on one clock.
    starts: Versions before the launch, [shards] int64.
    num_replicas: Number of replicas of the launch.
    config: Config of the run.
    is_over: Whether the launch is over; else the chief may have received an update, but
      not yet an earlier one at another shard: then it is left out.

  Raises:
    MisfitError: If a record does not fit the others.
  """
  options = client.DownpourOptions.from_config(config)
  found = np.sort(records, order=['replica', 'incarnation', 'step'])
  status = found['status']
  if not is_over:
    _leave_out_what_is_ahead(found, starts)
  orders = [_order(found, shard, start) for shard, start in enumerate(starts)]
  ends = starts + [len(order) for order in orders]
  # Of steps never applied, only those that can be recomputed from applied ones.
  unapplied = ~is_counted(status).any(axis=1)
  beyond = (status == Status.UNDONE).any(axis=1) | (found['version_held'] > ends).any(1)
  found = found[~(unapplied & _from_first(found, unapplied & beyond))]
  doubts = _Doubts(found)
  for name in ('step', 'batch'):
    doubts.add(found[name] < 0, f'its {name} is negative')
  doubts.add(found['batch'] != found['step'], 'its batch is that of another step')
  for start, end in _ORDERED:
    doubts.add(found[start] > found[end], f'{end} is before {start}')

  goes_on = np.r_[False, _same(found, *_CLIENT)]  # Same client as the record before.
  together = np.r_[False, _same(found, *_CLIENT, 'sequence')]
  sequence = found['sequence'].astype(np.int64)
  begins = ~goes_on & (sequence != 0)
  doubts.add(begins, 'it is the first of its incarnation, and its sequence is not 0')
  more = sequence - np.r_[0, sequence[:-1]]
  skips = goes_on & ((more < 0) | (more > 1))
  doubts.add(skips, 'its sequence does not follow that of the step before')
  gap = goes_on & np.r_[False, np.diff(found['step']) != 1]
  doubts.add(gap, 'the step before it is not on record')
  doubts.add(~goes_on & ~found['fresh'], "its replica's first step fetched nothing")
  due = client.fetch_due(found['step'] - options.overlap, options.n_fetch)
  due |= ~goes_on
  doubts.add(found['fresh'] & ~due, 'it fetched when none was due')
  doubts.add(~found['fresh'] & due, 'it did not fetch when it was due')
  changed = np.r_[False, (np.diff(found['version_held'], axis=0) != 0).any(axis=1)]
  doubts.add(~found['fresh'] & changed, 'it has other versions than the step before')
  late = found['version_held'] >= found['version_applied']
  late &= found['status'] == Status.APPLIED
  doubts.add(late.any(axis=1), 'it started from a version not older than the one it made')
  doubts.add(
    np.any(found['version_held'] < starts, axis=1),
    'it started from a version before this launch',
  )
  other = found['staleness'] != derived_staleness(found)
  other &= found['status'] == Status.APPLIED
  doubts.add(other.any(axis=1), 'the staleness of its push contradicts the versions')
  doubts.raise_first()

  groups = np.split(np.arange(len(found)), np.flatnonzero(~together)[1:])
  groups = [group for group in groups if len(group)]
  sent = []
  for places in groups:
    own = found[places]
    pushed = bool(own['pushed'][-1])
    counted = is_counted(own['status']).any()
    if own['pushed'][:-1].any() or (counted and not pushed):
      raise misfit(own[-1], 'its push does not end with its last step')
    if pushed and own['gradients'][-1] != len(own):
      raise misfit(
        own[-1], f'its push carries {own["gradients"][-1]} gradients, not {len(own)}'
      )
    for name in ('status', 'version_applied'):
      if (own[name] != own[name][-1]).any():
        raise misfit(own[-1], f'its push has another {name} than its other steps')
    warm = own['replica'][0] == 0 and own['step'][-1] < options.warmstart_steps
    sent.append(_Sent(places, pushed, bool(warm)))
  number = {}
  for index, push in enumerate(sent):
    last = found[push.places[-1]]
    number[_key(last)] = index
  return Schedule(
    found,
    starts,
    ends,
    num_replicas,
    sent,
    [[number[key] for key in order] for order in orders],
    accuracy=_ACCURACY / config.data.batch_size,
  )


def refuse_strangers(records: np.ndarray, num_replicas: int) -> None:
  """Raises MisfitError if a record is of a replica that did not exist."""
  strange = (records['replica'] < 0) | (records['replica'] >= num_replicas)
  doubts = _Doubts(records)
  doubts.add(strange, f'there were {num_replicas} replicas')
  doubts.raise_first()


def _leave_out_what_is_ahead(found: np.ndarray, starts: np.ndarray) -> None:
  """Marks as lost the steps applied from versions that are not recorded yet."""
  status, version = found['status'], found['version_applied']
  while True:
    applied = status == Status.APPLIED
    ends = np.maximum(starts, np.where(applied, version, -1).max(axis=0, initial=-1))
    ahead = (found['version_held'] > ends).any(axis=1)
    if not (ahead & is_counted(status).any(axis=1)).any():
      return
    for shard in range(len(starts)):
      if (first := applied[:, shard] & ahead).any():
        least = version[first, shard].min()
        status[applied[:, shard] & (version[:, shard] >= least), shard] = Status.LOST
    status[ahead[:, np.newaxis] & (status == Status.DROPPED)] = Status.LOST


def _from_first(found: np.ndarray, marked: np.ndarray) -> np.ndarray:
  """Returns which records belong to an incarnation's first marked step, or later ones.

  Args:
    found: Records sorted by replica, incarnation and step.
    marked: Whether each step is marked, [steps] bool.
  """
  if not len(found):
    return marked
  client = np.cumsum(np.r_[0, ~_same(found, *_CLIENT)])
  first = np.full(client[-1] + 1, len(found))
  np.minimum.at(first, client[marked], np.flatnonzero(marked))
  return np.arange(len(found)) >= first[client]


def _same(found: np.ndarray, *names: str) -> np.ndarray:
  """Returns which records but the first agree in these fields with the one before."""
  return np.logical_and.reduce([found[n][1:] == found[n][:-1] for n in names])


def _key(record: np.void) -> tuple[int, int, int]:
  replica, incarnation, sequence = (int(record[n]) for n in (*_CLIENT, 'sequence'))
  return replica, incarnation, sequence


class _Doubts:
  """Collects the contradictions that several checks find in records."""

  def __init__(self, found: np.ndarray) -> None:
    self._found = found
    self._first: tuple[float, np.void, str] | None = None

  def add(self, bad: np.ndarray, why: str) -> None:
    """Adds bad records, [steps] bool."""
    places = np.flatnonzero(bad)
    if not len(places):
      return
    first = self._found[places[np.argmin(self._found['compute_end'][places])]]
    if self._first is None or first['compute_end'] < self._first[0]:
      self._first = first['compute_end'], first, why

  def raise_first(self) -> None:
    """Raises MisfitError for the earliest bad record, if there is any."""
    if self._first is not None:
      raise misfit(*self._first[1:])


def _order(found: np.ndarray, shard: int, start: int) -> list[tuple[int, int, int]]:
  """Returns the pushes that a shard applied, oldest first, as (replica, .., sequence)."""
  applied = (found['status'][:, shard] == Status.APPLIED) & found['pushed']
  own = found[applied]
  own = own[np.argsort(own['version_applied'][:, shard], kind='stable')]
  versions = own['version_applied'][:, shard]
  wrong = np.flatnonzero(versions != start + 1 + np.arange(len(own)))
  if len(wrong):
    record, expected = own[wrong[0]], start + 1 + wrong[0]
    what = 'is there twice' if versions[wrong[0]] < expected else 'follows a gap'
    raise misfit(record, f'version {versions[wrong[0]]} of shard {shard} {what}')
  last: dict[tuple[int, int], int] = {}
  for record in own:
    replica, incarnation, sequence = _key(record)
    if last.get((replica, incarnation), -1) >= sequence:
      raise misfit(record, f'shard {shard} applied pushes of its replica out of order')
    last[replica, incarnation] = sequence
  return [_key(record) for record in own]


def synchronous(
  records: np.ndarray,
  starts: np.ndarray,
  num_replicas: int,
  config: ml_collections.ConfigDict,
  unused_is_over: bool = True,
) -> Schedule:
  """Returns the schedule of one launch of a synchronous run, or of one process.

  Args:
    records: Records as of `downpour`.
    starts: Version before the launch, [1] int64.
    num_replicas: Number of replicas of the launch.
    config: Config of the run.
    unused_is_over: Unused: all replicas' steps of an update are recorded together.

  Raises:
    MisfitError: If a record does not fit the others.
  """
  found = np.sort(records, order=['replica', 'incarnation', 'step'])
  # Where no gradient counts any more, late ones are undone as well.
  made = np.unique(found['step'][is_counted(found['status']).any(axis=1)])
  found = found[np.isin(found['step'], made)]
  counts = np.bincount(found['replica'], minlength=num_replicas)
  if counts.min() != counts.max():
    least = int(np.argmin(counts))
    own = found[found['replica'] == least]
    raise misfit(
      own[-1] if len(own) else found[-1],
      f'replica {least} has {counts[least]} steps on record, others {counts.max()}',
    )
  updates = np.arange(len(found)).reshape(num_replicas, -1).T
  version = int(starts[0])
  for places in updates:
    own = found[places]
    version += bool((own['status'] == Status.APPLIED).any())
    for record in own:
      if record['status'][0] == Status.LOST:  # It came too late.
        continue
      if record['version_applied'][0] != version:
        raise misfit(record, f'its version is not {version}, that of its update')
      if record['batch'] != record['step']:
        raise misfit(record, 'its batch is that of another step')
  following = np.diff(found['step'].reshape(num_replicas, -1), axis=1) != 1
  if following.any():
    replica, place = np.argwhere(following)[0]
    raise misfit(
      found[updates[place + 1, replica]], 'the step before it is not on record'
    )
  return Schedule(
    found,
    starts,
    np.array([version]),
    num_replicas,
    updates=updates,
    accuracy=_ACCURACY / config.data.batch_size,
  )
