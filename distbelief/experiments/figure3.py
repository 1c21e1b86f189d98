"""Figure 3 of the paper: the speed-up of model parallelism, by a model of its costs.

A replica on N machines computes a part of every layer on each. With a fully connected
network every machine needs the activations of all others; with local connections only
those at the borders of its part of the image. All machines wait for the slowest one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import integrate, stats

BATCH_SIZE = 100
_BYTES = 4  # Of a number.


class Costs(NamedTuple):
  """What machines and network cost.

  Attributes:
    flops_per_second: Speed of a machine.
    bytes_per_second: Rate of its link.
    message_seconds: Fixed cost of a message, at its receiver.
    deviation: Standard deviation of a machine's computing time over its mean.
  """

  flops_per_second: float
  bytes_per_second: float
  message_seconds: float
  deviation: float


# Machines of 2012, assumed: the paper does not describe them. The cost of a message is
# the one with which eight machines are fastest for speech: this predicts nothing.
ASSUMED = Costs(1e11, 125e6, 0.36e-3, 0.0)


class FullyConnected(NamedTuple):
  """Layers whose nodes are all connected; widths from the input to the output."""

  widths: tuple[int, ...]

  @property
  def parameters(self) -> int:
    """Weights and biases."""
    pairs = itertools.pairwise(self.widths)
    return sum((below + 1) * above for below, above in pairs)

  def traffic(self, machines: int) -> tuple[float, int]:
    """Returns bytes and messages that one machine receives for a minibatch.

    Forward the activations of every hidden layer from all others, backward the gradients
    of its own nodes from all others.
    """
    hidden = self.widths[1:-1]
    foreign = (machines - 1) / machines
    numbers = 2 * foreign * sum(hidden) * BATCH_SIZE
    return _BYTES * numbers, 2 * len(hidden) * (machines - 1)


class LocallyConnected(NamedTuple):
  """Stages of nodes over an image, each seeing a patch; cut into square tiles.

  Attributes:
    sides: Side of the square of positions of each stage, the image first.
    maps: Nodes at a position of each stage; colours first.
    patch: Side of the patch that a node sees.
  """

  sides: tuple[int, ...]
  maps: tuple[int, ...]
  patch: int = 10

  @property
  def parameters(self) -> int:
    """Weights, none of them shared."""
    return sum(
      side**2 * above * self.patch**2 * below
      for side, above, below in zip(self.sides[1:], self.maps[1:], self.maps)
    )

  def traffic(self, machines: int) -> tuple[float, int]:
    """Returns bytes and messages that one inner machine receives for a minibatch.

    The states within half a patch of its tile's border, forward, and their gradients
    backward; a node's state comes once. Of a tile that is narrower than that, all. The
    image does not count: each machine reads what it needs of it.
    """
    if machines == 1:
      return 0.0, 0
    tiles = math.isqrt(machines)
    numbers = 0.0
    for side, maps in zip(self.sides[1:-1], self.maps[1:-1]):
      tile = side / tiles
      reach = min(tile + 2 * (self.patch // 2), side)
      numbers += (reach**2 - tile**2) * maps
    neighbours = min(8, machines - 1)
    messages = 2 * (len(self.sides) - 2) * neighbours
    return 2 * _BYTES * BATCH_SIZE * numbers, messages


Network: TypeAlias = FullyConnected | LocallyConnected

SPEECH = FullyConnected((440, 2560, 2560, 2560, 2560, 8192))
# The paper gives 1.7 billion parameters, 100 x 100 pixels, patches of 10 x 10, three
# stages and 8 to 36 nodes at a position. Without pooling, 36 come near that number.
IMAGES: dict[str, Network] = {
  f'images, {maps} maps': LocallyConnected((100, 91, 82, 73), (3, maps, maps, maps))
  for maps in (8, 16, 36)
}


def slowest(machines: int, deviation: float) -> float:
  """Returns the mean time of the slowest of some machines over that of one.

  Their times are normal; the mean of the largest of N is the integral of x d(F(x)^N).
  """
  if machines == 1 or not deviation:
    return 1.0
  density = lambda x: (  # noqa: E731
    x * machines * stats.norm.pdf(x) * stats.norm.cdf(x) ** (machines - 1)
  )
  return 1.0 + deviation * integrate.quad(density, -8.0, 8.0)[0]


def seconds(network: Network, machines: int, costs: Costs) -> float:
  """Returns the mean time of a minibatch on some machines.

  Args:
    network: Network that is trained.
    machines: Number of machines of a replica.
    costs: Costs of machines and network.
  """
  alone = 6 * network.parameters * BATCH_SIZE / costs.flops_per_second
  moved, messages = network.traffic(machines)
  computing = alone / machines * slowest(machines, costs.deviation)
  return computing + moved / costs.bytes_per_second + messages * costs.message_seconds


def speed_up(network: Network, machines: Sequence[int], costs: Costs) -> np.ndarray:
  """Returns T(1) / T(N) for each number of machines."""
  alone = seconds(network, 1, costs)
  return np.array([alone / seconds(network, number, costs) for number in machines])


def best(network: Network, most: int, costs: Costs) -> tuple[int, float]:
  """Returns the number of machines, up to `most`, with the largest speed-up, and that."""
  found = speed_up(network, range(1, most + 1), costs)
  return int(found.argmax()) + 1, float(found.max())
