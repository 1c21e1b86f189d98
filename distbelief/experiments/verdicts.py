"""Verdicts on claims, by rules that were written down before the runs (claims.toml).

A rule says which number decides, what confirms and what refutes the claim, and which
conditions must hold for the number to mean anything: the gate. Whoever changes a rule
changes its hash, which stands beside every verdict.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from distbelief.experiments import intervals
from distbelief.experiments.intervals import Interval
from distbelief.experiments.results import or_null


class Verdict(enum.StrEnum):
  """What an experiment says of a claim."""

  CONFIRMED = 'confirmed'
  REFUTED = 'refuted'
  UNDECIDED = 'undecided'  # The interval crosses a bound.
  NOT_VALID = 'not valid'  # The gate failed: the number means nothing.
  MODELLED = 'modelled'  # It follows from a model, not from a run.
  NOT_DECIDABLE = 'not decidable here'
  NOT_YET = 'not yet'


class Rule(NamedTuple):
  """How a claim is judged.

  Attributes:
    claim: Claim's id, e.g. C6.
    text: Claim in the terms of its source.
    source: Where the source says it.
    experiment: Name of the experiment that decides; empty: none does.
    statistic: What the deciding number is, in words.
    at_least: Bound that confirms; None: see at_most.
    at_most: Bound that confirms from above.
    refuted_below: Bound below which the claim is refuted; None: see refuted_above.
    refuted_above: Bound above which the claim is refuted.
    gate: Conditions in words, by their names.
    modelled: Whether the number comes from a model: the verdict then only says so.
    verdict: Verdict where no number decides; empty otherwise.
    why: Reason for that verdict.
  """

  claim: str
  text: str
  source: str
  experiment: str = ''
  statistic: str = ''
  at_least: float | None = None
  at_most: float | None = None
  refuted_below: float | None = None
  refuted_above: float | None = None
  gate: Mapping[str, str] = {}
  modelled: bool = False
  verdict: str = ''
  why: str = ''

  @property
  def hash(self) -> str:
    """First digits of the SHA-256 of all that the rule says."""
    text = json.dumps(self._asdict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Judgement(NamedTuple):
  """A verdict, and what it rests on."""

  claim: str
  verdict: Verdict
  interval: Interval | None
  why: str
  rule: str  # Its hash.

  def as_json(self) -> dict[str, Any]:
    """Returns it with plain types; infinite bounds are null."""
    fields: dict[str, Any] = {**self._asdict(), 'verdict': str(self.verdict)}
    if self.interval is not None:
      fields['interval'] = [or_null(x) for x in self.interval]
    return fields


@functools.cache
def rules() -> dict[str, Rule]:
  """Returns all rules, by claim."""
  text = resources.files(__package__).joinpath('claims.toml').read_text()
  found = {name: Rule(name, **fields) for name, fields in tomllib.loads(text).items()}
  for rule in found.values():
    check(rule)
  return found


def check(rule: Rule) -> None:
  """Raises ValueError if a rule decides nothing, or decides both ways."""
  confirms = [b for b in (rule.at_least, rule.at_most) if b is not None]
  refutes = [b for b in (rule.refuted_below, rule.refuted_above) if b is not None]
  if rule.verdict:
    Verdict(rule.verdict)
    if not rule.why or confirms or refutes:
      raise ValueError(f'{rule.claim} has a verdict: it needs a reason, and no bound')
  elif not (rule.experiment and rule.statistic and confirms and refutes):
    raise ValueError(f'{rule.claim} lacks an experiment, a statistic, or a bound')
  for confirming, refuting in (
    (rule.at_least, rule.refuted_below),
    (rule.refuted_above, rule.at_most),
  ):
    if confirming is not None and refuting is not None and confirming < refuting:
      raise ValueError(f'{rule.claim} is confirmed and refuted by the same number')


def judge(
  claim: str,
  values: Sequence[float],
  gate: Mapping[str, bool],
  interval: Interval | None = None,
) -> Judgement:
  """Returns the verdict on a claim.

  Args:
    claim: Claim's id.
    values: Deciding number of each seed; of a model its only one.
    gate: Whether each condition of the rule's gate held, by name; all must be there.
    interval: Number and interval that decide, if they are not the values' median.
  """
  rule = rules()[claim]
  if gate.keys() != rule.gate.keys():
    raise ValueError(f'the gate of {claim} has {sorted(rule.gate)}, not {sorted(gate)}')
  if failed := [rule.gate[name] for name, held in gate.items() if not held]:
    why = f'it does not hold that {"; nor that ".join(failed)}'
    return Judgement(claim, Verdict.NOT_VALID, None, why, rule.hash)
  found = interval or intervals.median(values)
  if rule.modelled:
    shown = f'{found.value:.3g}' if len(values) == 1 else str(found)
    why = f'{rule.statistic}: {shown}; by the claim {_bounds(rule)}'
    return Judgement(claim, Verdict.MODELLED, found, why, rule.hash)
  why = f'{rule.statistic}: {found}'
  return Judgement(claim, _of_interval(rule, found), found, why, rule.hash)


def _of_interval(rule: Rule, found: Interval) -> Verdict:
  low = -np.inf if rule.at_least is None else rule.at_least
  high = np.inf if rule.at_most is None else rule.at_most
  if low <= found.low and found.high <= high:
    return Verdict.CONFIRMED
  if rule.refuted_below is not None and found.high < rule.refuted_below:
    return Verdict.REFUTED
  if rule.refuted_above is not None and found.low > rule.refuted_above:
    return Verdict.REFUTED
  return Verdict.UNDECIDED


def _bounds(rule: Rule) -> str:
  words = (('at least', rule.at_least), ('at most', rule.at_most))
  return ' and '.join(f'{word} {bound:g}' for word, bound in words if bound is not None)
