"""Every field of a run's config: its default, its meaning, and its possible values.

A config file defines `get_config()`; it starts from `default_config()` and changes
what it needs. `check()` refuses an invalid config before anything has started.
"""

from distbelief.config.checks import (
  CLOCKS,
  check,
  check_fields,
  check_name,
  must_be,
  suggestion,
)
from distbelief.config.derived import (
  algorithm,
  backup_workers,
  jobs,
  learning_rate,
  num_replicas,
  overlaps,
  step_unit,
  warmstart_steps,
)
from distbelief.config.fields import FIELDS
from distbelief.config.structure import (
  MAY_CHANGE_ON_RESUME,
  changed_field,
  default_config,
  describe,
  flatten,
  from_json,
  to_json,
)
from distbelief.declarations.config_field import Field

__all__ = [
  'CLOCKS',
  'FIELDS',
  'MAY_CHANGE_ON_RESUME',
  'Field',
  'algorithm',
  'backup_workers',
  'changed_field',
  'check',
  'check_fields',
  'check_name',
  'default_config',
  'describe',
  'flatten',
  'from_json',
  'jobs',
  'learning_rate',
  'must_be',
  'num_replicas',
  'overlaps',
  'step_unit',
  'suggestion',
  'to_json',
  'warmstart_steps',
]
