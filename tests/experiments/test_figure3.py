"""The model of costs behind Figure 3: its numbers by hand, and its limits."""

import numpy as np
import pytest

from distbelief.experiments import figure3
from distbelief.experiments.figure3 import (
  ASSUMED,
  SPEECH,
  Costs,
  FullyConnected,
  LocallyConnected,
)

FREE = Costs(1e11, 1e30, 0.0, 0.0)


def test_the_speech_network_is_the_paper_s():
  assert SPEECH.parameters == 41_777_152


def test_a_fully_connected_network_by_hand():
  network = FullyConnected((4, 3, 2))
  assert network.parameters == 15 + 8
  # Of 3 hidden nodes 2 / 3 lie on the two others, there and back, for each example.
  assert network.traffic(3) == (pytest.approx(4 * 2 * (2 / 3) * 3 * 100), 4)
  assert network.traffic(1) == (0, 0)


def test_a_tile_gets_each_state_at_its_border_once():
  network = LocallyConnected((30, 20, 10), (3, 2, 1), patch=4)
  assert network.parameters == 400 * 16 * 3 * 2 + 100 * 16 * 2
  # Tiles of 10 x 10 which see 2 further to each side: 14 x 14, of 2 colours.
  moved, messages = network.traffic(4)
  assert moved == 2 * 4 * 100 * (14**2 - 10**2) * 2 and messages == 2 * 3
  # No more than there is, however many tiles.
  assert network.traffic(400)[0] < 2 * 4 * 100 * 20**2 * 2


def test_without_costs_it_is_as_fast_as_there_are_machines():
  found = figure3.speed_up(SPEECH, (1, 2, 64), FREE)
  np.testing.assert_allclose(found, [1, 2, 64])


def test_the_slowest_of_many_by_drawing():
  drawn = np.random.default_rng(0).normal(1, 0.2, [100_000, 16]).max(axis=1).mean()
  assert figure3.slowest(16, 0.2) == pytest.approx(drawn, rel=2e-3)
  assert figure3.slowest(1, 0.2) == figure3.slowest(16, 0.0) == 1.0


def test_too_many_machines_are_slower_for_speech_and_not_for_images():
  number, factor = figure3.best(SPEECH, 64, ASSUMED)
  assert number == 8 and 2 < factor < 2.5
  sizes = (1, 9, 36, 81)
  found = [figure3.speed_up(image, sizes, ASSUMED) for image in figure3.IMAGES.values()]
  assert (np.diff(found, axis=1) > 0).all()  # More machines are faster,
  assert (np.diff(found, axis=0)[:, 1:] > 0).all()  # the larger the network the more.
