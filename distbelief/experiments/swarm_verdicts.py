"""Verdicts on the thesis of the swarm and on its rivals, and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from distbelief.experiments import gates, rivals, swarm, verdicts
from distbelief.experiments.sweep import Sweep
from distbelief.experiments.verdicts import Judgement, Verdict

_ALIKE = 1.25  # Most that losses at two ends differ, as a factor, to compare flatness.
_DISTINCT = 2.0  # Least distance of a rival without momentum, over that of a repetition.

# Claim, and the methods whose losses at the end it compares: numerator, denominator.
_LOSSES = {
  'S1-examples': ('waiting', 'exponential'),
  'S1-time': ('hurried', 'exponential'),
  'S1-constant': ('waiting', 'constant'),
  'S1-alone': ('alone', 'exponential'),
}


def judge(
  sweep: Sweep,
  seeds: Sequence[int],
  target: float,
  rises: Mapping[str, Sequence[float]],
) -> list[Judgement]:
  """Returns the verdicts on S1.

  Args:
    sweep: Runs.
    seeds: Seeds.
    target: Hold-out accuracy from which on a run has learned something.
    rises: Rise of the loss around the end, per seed, by method.
  """
  judged = []
  for claim, (slower, faster) in _LOSSES.items():
    ratios = swarm.ends(sweep, slower, seeds) / swarm.ends(sweep, faster, seeds)
    gate = _compared(sweep, (slower, faster), seeds, target)
    judged.append(verdicts.judge(claim, ratios.tolist(), gate))
  for claim, name in (
    ('S1-momentum', 'exponential'),
    ('S1-momentum-constant', 'constant'),
  ):
    judged.append(_of_momentum(claim, sweep, name, seeds, target))
  return [*judged, _of_flatness(sweep, seeds, target, rises)]


def _compared(
  sweep: Sweep, names: Sequence[str], seeds: Sequence[int], target: float
) -> dict[str, bool]:
  """Returns the conditions for a comparison of an asynchronous method with another."""
  ends = np.array([[c.end for c in sweep.of(name, seeds)] for name in names])
  return {
    'learned': bool((ends >= target).any(axis=0).all()),
    'staleness': gates.is_as_stale_as_expected(sweep, names[-1], seeds),
    **gates.tuned_alike(sweep, names),
  }


def _of_momentum(
  claim: str, sweep: Sweep, name: str, seeds: Sequence[int], target: float
) -> Judgement:
  """Returns the verdict on whether one replica with momentum does the same."""
  factor = 1 / sweep.methods[name].replicas
  found = rivals.distances(sweep, name, 'momentum', factor, seeds)
  plain = rivals.distances(sweep, name, 'alone', 1.0, seeds)
  gate = {
    **_compared(sweep, (name,), seeds, target),
    'distinct': bool((plain >= _DISTINCT).all()),
  }
  del gate['grid']  # The rival's rates follow from that of the method.
  return verdicts.judge(claim, found.tolist(), gate)


def _of_flatness(
  sweep: Sweep,
  seeds: Sequence[int],
  target: float,
  rises: Mapping[str, Sequence[float]],
) -> Judgement:
  """Returns the verdict on whether the asynchronous end is the flatter one."""
  names = ('waiting', 'exponential')
  ends = np.array([swarm.ends(sweep, name, seeds) for name in names])
  around = np.array([rises[name] for name in names])
  gate = {
    **_compared(sweep, names, seeds, target),
    'alike': bool((ends.max(axis=0) <= _ALIKE * ends.min(axis=0)).all()),
    'valley': bool((np.isfinite(around) & (around > 0)).all()),
  }
  with np.errstate(divide='ignore', invalid='ignore'):  # Where the gate fails.
    return verdicts.judge('S1-flat', (around[0] / around[1]).tolist(), gate)


_OPEN = {
  Verdict.UNDECIDED: 'the difference is small, or not the same with all seeds',
  Verdict.NOT_VALID: 'the comparison is not valid',
}
# Claim: the question that is left open, the words if it is confirmed, if it is refuted.
_WORDS = {
  'S1-examples': (
    'whether a swarm makes more of as many flowers than bees that wait for one another',
    'Of as many flowers, a swarm in which each bee flies on its own makes more than one '
    'in which all wait for all.',
    'Of as many flowers, bees that wait for one another make at least as much: the swarm '
    'has no better nose.',
  ),
  'S1-time': (
    'whether a swarm is ahead by sunset of bees that wait for the slowest',
    'By the same sunset the swarm is ahead: no bee sits idle for the slowest one.',
    'By the same sunset the swarm is not ahead, though no bee ever sits idle.',
  ),
  'S1-constant': (
    'whether the swarm is ahead when all bees are equally fast',
    'It is ahead even when all bees are equally fast, so that nobody would have to wait: '
    'more than the waiting is at work.',
    'When all bees are equally fast, so that nobody has to wait, it is not ahead: what '
    'the swarm gains is the waiting.',
  ),
  'S1-alone': (
    'whether a swarm makes more of as many flowers than a single bee',
    'A single bee with the same flowers does worse than the swarm: that many fly apart '
    'is itself of use.',
    'A single bee with the same flowers does at least as well: what the swarm has before '
    'it is not the region, but that its bees fly at the same time.',
  ),
  'S1-momentum': (
    'whether a swarm of erratic bees flies like one heavy bee',
    'When the bees are erratic, the swarm flies like one heavy bee, which turns slowly: '
    'momentum describes it, and no region is needed.',
    'Even when the bees are erratic, the swarm does not fly like one heavy bee: momentum '
    'does not describe it.',
  ),
  'S1-momentum-constant': (
    'whether momentum fails to describe bees that keep time',
    'When the bees keep time, it does not fly like one heavy bee, as the theory expects: '
    'a fixed delay is no momentum.',
    'When the bees keep time, it still flies like one heavy bee, further than the theory '
    'reaches.',
  ),
  'S1-flat': (
    'whether the swarm settles on the flatter meadow',
    'The swarm settles on a flatter meadow than bees that wait for one another.',
    'The meadow on which the swarm settles is no flatter than that of bees that wait for '
    'one another.',
  ),
}


# What must hold for the thesis: better, and better because many cover a region.
_THESIS = ('S1-examples', 'S1-alone', 'S1-flat')


def words(judged: Sequence[Judgement]) -> str:
  """Returns what the verdicts support, in the words of the bees, in Markdown."""
  sentences = [f'- {_sentence(one)} ({one.claim})' for one in judged]
  head = ['In the words of the bees:', '']
  return '\n'.join(
    [*head, *sentences, '', _thesis({one.claim: one.verdict for one in judged})]
  )


def _thesis(found: Mapping[str, Verdict]) -> str:
  """Returns whether the thesis stands, from the verdicts by claim."""
  thesis = 'a swarm does better because it covers a region'
  needed = {found[claim] for claim in _THESIS}
  if needed == {Verdict.CONFIRMED}:
    return f'Together they support that {thesis}.'
  if Verdict.REFUTED in needed:
    return f'Together they speak against the thesis that {thesis}.'
  return f'Together they leave open whether {thesis}.'


def _sentence(judged: Judgement) -> str:
  question, confirmed, refuted = _WORDS[judged.claim]
  if judged.verdict is Verdict.CONFIRMED:
    return confirmed
  if judged.verdict is Verdict.REFUTED:
    return refuted
  return f'It stays open {question}: {_OPEN[judged.verdict]}.'
