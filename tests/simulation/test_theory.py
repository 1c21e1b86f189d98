"""What asynchrony does to plain SGD, on a quadratic (Mitliagkas et al. 2016)."""

import numpy as np
import pytest

from distbelief.experiments import implicit_momentum


@pytest.mark.parametrize('momentum', [0.0, 0.5, 0.9])
def test_the_momentum_of_a_trajectory_is_found(momentum):
  rate = 2 * implicit_momentum.RATE / 4
  mean = [1.0, 0.8]
  for _ in range(60):
    mean.append(mean[-1] + momentum * (mean[-1] - mean[-2]) - rate * mean[-1])
  found = implicit_momentum.momentum_of(np.array(mean), 4)
  assert found == pytest.approx(momentum, abs=1e-3)


def test_asynchrony_begets_momentum():
  """In few runs, so that bounds are three times as wide; one replica has none at all."""
  alone = implicit_momentum.fit(1, 10)
  assert alone.momentum == pytest.approx(0, abs=1e-3)
  four = implicit_momentum.fit(4, 60)
  assert four.momentum == pytest.approx(0.75, abs=3 * implicit_momentum.TOLERANCE)
