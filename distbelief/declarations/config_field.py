"""One field of a config: its default, its meaning, and its possible values.

Everything imports this: the owner of a field declares it, an algorithm its section
(algorithms/catalog), the package config the rest.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable
from typing import Any, TypeAlias

# A check returns None, or the remedy: the values that are possible.
Check: TypeAlias = Callable[[Any], str | None]


def anything(unused_value: Any) -> str | None:
  """Accepts every value of the field's type."""
  return None


@dataclasses.dataclass(frozen=True)
class Field:
  """One field.

  Attributes:
    name: Dotted name, e.g. 'downpour.n_fetch'.
    default: Default value; a type if the field may be left open.
    comment: Meaning of the field, as --print_config shows it.
    check: Function that returns None for a possible value, else the remedy.
    hyperparameter: Whether people vary it from run to run: a column of TensorBoard's
      HParams tab.
  """

  name: str
  default: Any
  comment: str
  check: Check = anything
  hyperparameter: bool = False


def at_least(least: float, unit: str = '') -> Check:
  """Returns a check for finite numbers from `least` on.

  Args:
    least: Smallest possible value.
    unit: Unit or noun for the remedy, e.g. 'seconds'.
  """

  def check(value: float) -> str | None:
    if math.isfinite(value) and value >= least:
      return None
    return f'must be at least {least:g}{" " + unit if unit else ""}'

  return check


def more_than_0(unit: str = '') -> Check:
  """Returns a check for positive finite numbers.

  Args:
    unit: Unit or noun for the remedy, e.g. 'seconds'.
  """

  def check(value: float) -> str | None:
    if math.isfinite(value) and value > 0:
      return None
    return f'must be more than 0{" " + unit if unit else ""}'

  return check


def one_of(*choices: str) -> Check:
  """Returns a check for one of some words; the remedy suggests the closest one."""

  def check(value: str) -> str | None:
    if value in choices:
      return None
    close = difflib.get_close_matches(str(value), choices, n=1)
    meant = f'; did you mean {close[0]!r}?' if close else ''
    return f'is unknown: choose one of {", ".join(choices)}{meant}'

  return check


def fraction(value: float) -> str | None:
  """Checks that a number is a positive fraction of a whole."""
  return None if 0 < value <= 1 else 'must be more than 0 and at most 1'
