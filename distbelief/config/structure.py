"""The config as a tree of sections, as a flat table, and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ml_collections
from ml_collections import config_dict

from distbelief.config.fields import FIELDS

# Fields that may differ when a workdir is resumed; a dot at the end: a whole section.
MAY_CHANGE_ON_RESUME = ('cluster.', 'num_steps', 'checkpoint_seconds')


def default_config() -> ml_collections.ConfigDict:
  """Returns a config with every field at its default, locked against new fields."""
  config = ml_collections.ConfigDict()
  for field in FIELDS:
    *rooms, name = field.name.split('.')
    room = config
    for part in rooms:
      if part not in room:
        room[part] = ml_collections.ConfigDict()
      room = room[part]
    if isinstance(field.default, type):
      room[name] = config_dict.placeholder(field.default)
    else:
      room[name] = field.default
  return config.lock()


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Returns the fields by dotted name, in the order of the config's file."""

  def walk(room: ml_collections.ConfigDict, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in room.items():
      if isinstance(value, ml_collections.ConfigDict):
        yield from walk(value, f'{prefix}{name}.')
      else:
        yield f'{prefix}{name}', value

  return dict(walk(config, ''))


def describe(config: ml_collections.ConfigDict) -> str:
  """Returns every field with its value and its comment, a line each."""
  values = flatten(config)
  left = [f'config.{field.name} = {values[field.name]!r}' for field in FIELDS]
  width = min(48, max(map(len, left)))
  return '\n'.join(
    f'{line:{width}}  # {field.comment}' for line, field in zip(left, FIELDS)
  )


def to_json(config: ml_collections.ConfigDict) -> str:
  """Returns the config as text, for config.json; `from_json` reads it back."""
  return json.dumps(config.to_dict(), indent=2) + '\n'


def from_json(text: str) -> ml_collections.ConfigDict:
  """Returns the config that `to_json` wrote."""
  config = default_config()
  for name, value in flatten(ml_collections.ConfigDict(json.loads(text))).items():
    with config.unlocked():  # A field of another version is named by check().
      config.update_from_flattened_dict({name: value})  # Makes tuples of lists.
  return config


def changed_field(
  before: ml_collections.ConfigDict, after: ml_collections.ConfigDict
) -> str | None:
  """Returns the first field that differs but must not on a resume, or None."""
  old, new = flatten(before), flatten(after)
  for name in sorted(old.keys() | new.keys()):
    if old.get(name) != new.get(name) and not _may_change(name):
      return name
  return None


def _may_change(name: str) -> bool:
  return any(
    name.startswith(one) if one.endswith('.') else name == one
    for one in MAY_CHANGE_ON_RESUME
  )
