"""Server rules: what a push does to a shard's parameters. One file, one rule.

A rule is a pure, elementwise function of one shard's slice:

    delta, slots = rule(slots, gradient, staleness, rate)

with `slots` a tuple of [P] tensors (their names stand in the file's SLOTS, all start at
zero), `gradient` the [P] sum that one push carries, `staleness` the int64 scalar of
`downpour.staleness` at this shard, and `rate` config.server.learning_rate. The shard
then subtracts `delta`. A keyword-only argument names a field of config.server, or a fact
of the push in FACTS.

To add a rule, add a file with a function of the same name.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import ml_collections

from distbelief import errors

# Facts that a rule may ask about the push that it is applied to, beside its staleness.
FACTS = MappingProxyType(
  {
    'index': 'Index of the replica that pushed, an int64 scalar.',
    'replicas': 'Number of replicas of the launch, an int.',
  }
)


class Rule(NamedTuple):
  """A server rule with its options bound."""

  name: str
  slots: tuple[str, ...]
  apply: Callable[..., tuple[Any, tuple[Any, ...]]]
  facts: tuple[str, ...] = ()  # Those that `apply` takes by name.


def names() -> tuple[str, ...]:
  """Returns the names of all rules, without importing any (nor TensorFlow)."""
  return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(server: ml_collections.ConfigDict) -> Rule:
  """Returns the rule that config.server names, with its own fields bound.

  Raises:
    errors.ConfigError: If it asks for an argument that is neither a field nor a fact.
  """
  module = importlib.import_module(f'{__name__}.{server.optimizer}')
  function = getattr(module, server.optimizer)
  wanted = [
    name
    for name, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY
  ]
  facts = tuple(name for name in wanted if name in FACTS)
  options = {}
  for name in wanted:
    if name in server:
      options[name] = server[name]
    elif name not in FACTS:
      raise errors.ConfigError(
        'config.server.optimizer',
        server.optimizer,
        f'asks for {name!r}, which is neither a field of config.server '
        f'({", ".join(sorted(server))}) nor a fact of a push ({", ".join(FACTS)}): name '
        'one of these',
      )
  apply = functools.partial(function, **options)
  return Rule(server.optimizer, module.SLOTS, apply, facts)
