"""The thesis of the swarm and its rivals: runs, distances, verdicts and words."""

import math

import numpy as np
import pytest

from distbelief.experiments import rivals, swarm, swarm_verdicts, verdicts
from distbelief.experiments.sweep import Point
from distbelief.experiments.verdicts import Judgement, Verdict
from tests.experiments import made_up

SEEDS, TARGET = (0, 1, 2), 0.5
M = swarm.REPLICAS
METHODS = swarm.methods(swarm.NUM_STEPS, M)
EVEN = {'waiting': 1.0, 'exponential': 1.0}  # Rises around the ends.


def measured(losses=None, distances=None, **changed):
  """Sweep with the losses of methods, and distances from asynchronous runs of loss 1.

  Args:
    losses: Loss by method, 1 by default.
    distances: Distance of momentum, no momentum and the repetition, by method.
    **changed: Other arguments of `made_up.curve`, by method.
  """
  losses = dict.fromkeys(METHODS, 1.0) | (losses or {})
  more = {'waiting': {'staleness': 0.0}, 'hurried': {'staleness': 0.0}}
  for name, loss in losses.items():
    more[name] = {'loss': loss, **more.get(name, {}), **changed.get(name, {})}
  sweep = made_up.sweep(METHODS, SEEDS, dict.fromkeys(METHODS, 2.0), **more)
  away = {'momentum': 0.01, 'alone': 0.1, 'again': 0.01} | (distances or {})
  for name, distance in away.items():
    rate = made_up.BEST / M if name == 'momentum' else made_up.BEST
    for seed in SEEDS:
      known = sweep.curves.get(Point(name, rate, seed), made_up.curve(2.0))
      start = len(known.losses) * [math.exp(distance)]
      start[-1] = known.losses[-1] if name == 'alone' else start[-1]
      sweep.curves[Point(name, rate, seed)] = known._replace(losses=start)
  return sweep


def judged(sweep, rises=EVEN):
  of_seeds = {name: len(SEEDS) * [rise] for name, rise in rises.items()}
  return {one.claim: one for one in swarm_verdicts.judge(sweep, SEEDS, TARGET, of_seeds)}


def test_what_is_compared_is_the_same_but_for_one_thing():
  exponential, again = METHODS['exponential'].fields, METHODS['again'].fields
  assert exponential['cluster.step_distribution'] == 'exponential'
  # A gamma distribution whose deviation is its mean is the exponential one.
  assert again['cluster.step_distribution'] == 'gamma'
  assert again['cluster.step_deviation'] == 1.0
  assert METHODS['exponential'].rates == METHODS['again'].rates
  assert len({len(method.rates) for method in METHODS.values()}) == 1
  assert METHODS['momentum'].fields['server.momentum'] == 1 - 1 / M
  assert swarm.NUM_STEPS % (80 * M) == 0  # All are evaluated at the same places.


def test_the_largest_of_exponential_times_takes_a_harmonic_number_of_means():
  drawn = np.random.default_rng(0).exponential(size=[100_000, 4]).max(axis=1).mean()
  assert swarm.steps_in_the_time(4000, 4) == pytest.approx(4000 / drawn, rel=0.01)
  assert swarm.steps_in_the_time(64, 16) == 16  # One update at least.


@pytest.mark.parametrize(
  ('claim', 'other'),
  [
    ('S1-examples', 'waiting'),
    ('S1-time', 'hurried'),
    ('S1-constant', 'waiting'),
    ('S1-alone', 'alone'),
  ],
)
def test_the_loss_at_the_end_decides(claim, other):
  assert judged(measured({other: 1.1}))[claim].verdict is Verdict.CONFIRMED
  assert judged(measured({other: 0.9}))[claim].verdict is Verdict.REFUTED
  assert judged(measured({other: 1.01}))[claim].verdict is Verdict.UNDECIDED
  assert judged(measured({other: math.nan}))[claim].verdict is Verdict.CONFIRMED


def test_nothing_is_compared_that_has_learned_nothing_or_is_not_as_stale():
  ends = {name: {'end': 0.4} for name in METHODS}
  found = judged(measured(**ends))
  assert {one.verdict for one in found.values()} == {Verdict.NOT_VALID}
  found = judged(measured(exponential={'staleness': 7.0}))
  assert found['S1-examples'].verdict is Verdict.NOT_VALID
  assert found['S1-constant'].verdict is not Verdict.NOT_VALID


def test_a_distance_is_that_of_logarithms():
  one, other = (made_up.curve(2.0, loss=loss) for loss in (1.0, math.e))
  assert rivals.distance(one, other) == pytest.approx(1.0)
  assert rivals.distance(one, one) == 0
  assert np.isfinite(rivals.distance(one, made_up.curve(2.0, loss=math.inf)))


@pytest.mark.parametrize(
  ('momentum', 'plain', 'verdict', 'constant'),
  [
    (0.01, 0.1, Verdict.CONFIRMED, Verdict.REFUTED),
    (0.018, 0.1, Verdict.UNDECIDED, Verdict.UNDECIDED),
    (0.05, 0.1, Verdict.REFUTED, Verdict.CONFIRMED),
    (0.01, 0.01, Verdict.NOT_VALID, Verdict.NOT_VALID),  # Nothing is to be explained.
  ],
)
def test_a_rival_is_as_near_as_a_repetition_or_not(momentum, plain, verdict, constant):
  found = judged(measured(distances={'momentum': momentum, 'alone': plain}))
  assert found['S1-momentum'].verdict is verdict
  assert found['S1-momentum-constant'].verdict is constant


def test_flatness_is_compared_where_both_have_arrived():
  def of(rise, **losses):
    return judged(measured(losses), EVEN | {'waiting': rise})['S1-flat'].verdict

  assert of(2.0) is Verdict.CONFIRMED and of(0.5) is Verdict.REFUTED
  assert of(2.0, waiting=1.5) is Verdict.NOT_VALID
  assert of(-0.1) is Verdict.NOT_VALID  # No valley.
  assert of(math.inf) is Verdict.NOT_VALID


def told(**found):
  claims = [n for n, rule in verdicts.rules().items() if rule.experiment == 'swarm']
  all_of_it = dict.fromkeys(claims, Verdict.CONFIRMED)
  all_of_it |= {name.replace('_', '-'): verdict for name, verdict in found.items()}
  return swarm_verdicts.words(
    [Judgement(c, v, None, '', '') for c, v in all_of_it.items()]
  )


def test_every_outcome_has_its_words():
  outcomes = ('CONFIRMED', 'REFUTED', 'UNDECIDED', 'NOT_VALID')
  for claim in ('S1_examples', 'S1_momentum', 'S1_flat'):
    texts = {told(**{claim: Verdict[name]}) for name in outcomes}
    assert len(texts) == len(outcomes)
  assert told().count('\n- ') == 7 and 'stays open' not in told()


def test_the_thesis_needs_more_than_a_lower_loss():
  assert 'Together they support' in told(S1_time=Verdict.REFUTED)
  assert 'Together they speak against' in told(S1_alone=Verdict.REFUTED)
  assert 'Together they leave open' in told(S1_flat=Verdict.NOT_VALID)
