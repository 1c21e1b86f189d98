"""Flags of a program: parses them, shows them for --help, rejects them in one line."""

from __future__ import annotations

import difflib
import re

from absl import flags

from distbelief import errors


def usage(argv: list[str], words: str) -> str:
  """Returns the usage of a program, named as it was called.

  Args:
    argv: Words of the program; the first one is 'distbelief COMMAND' or a script's path.
    words: Flags that follow.
  """
  name = argv[0]
  return f'{name if name.startswith("distbelief ") else f"python {name}"} {words}'


def parse(values: flags.FlagValues, argv: list[str], words: str) -> list[str] | None:
  """Parses a program's flags.

  Args:
    values: Flags of the program; they get their values.
    argv: Words of the command line.
    words: Flags that --help shows behind the program's name.

  Returns:
    The words that are no flags; None if --help was given, and help shown.

  Raises:
    errors.UserError: If a flag is unknown or its value is invalid.
  """
  define_help(values)
  try:
    rest = values(argv)[1:]
  except flags.Error as error:
    raise flag_error(error, values) from error
  return None if show_help(values, argv, words) else rest


def flag_error(error: flags.Error, values: flags.FlagValues) -> errors.UserError:
  """Returns an error of absl's in our form: flag, value and remedy."""
  if isinstance(error, flags.UnrecognizedFlagError):
    known = difflib.get_close_matches(error.flagname, list(values), 1)
    remedy = f'did you mean --{known[0]}?' if known else 'see --help'
    return errors.UserError(f'--{error.flagname} is unknown: {remedy}')
  text = str(error).strip().splitlines()[0]
  invalid = re.match(r'flag --(\w+)=(.*?): ', text)
  if invalid and invalid[1] in values:
    name, value = invalid.groups()
    return errors.UserError(f'--{name} ({value}) must be {_kind(values[name].parser)}')
  return errors.UserError(text)


def _kind(parser: flags.ArgumentParser) -> str:
  if isinstance(parser, flags.EnumParser):
    return f'one of {", ".join(parser.enum_values)}'
  kinds = {'int': 'a whole number', 'float': 'a number', 'bool': 'true or false'}
  kind = kinds.get(parser.flag_type(), f'of type {parser.flag_type()}')
  lowest = getattr(parser, 'lower_bound', None)
  return kind if lowest is None else f'{kind} of at least {lowest}'


def define_help(values: flags.FlagValues) -> None:
  """Defines --help and -h."""
  flags.DEFINE_bool('help', False, 'Show this.', values, short_name='h')


def show_help(values: flags.FlagValues, argv: list[str], words: str) -> bool:
  """Shows a program's flags if --help was given; returns whether it was."""
  if values['help'].value:
    print(
      f'usage: {usage(argv, words)}\n{values.main_module_help() or values.get_help()}'
    )
  return bool(values['help'].value)


def refuse_words(words: list[str], remedy: str) -> None:
  """Raises errors.UserError if there are words that are no flags.

  Args:
    words: Words that `parse` returned.
    remedy: Correct way to write them.
  """
  if words:
    raise errors.UserError(f'{words[0]!r} is not understood: {remedy}')


def required(flag: flags.FlagHolder, argv: list[str], words: str) -> str:
  """Returns the value of a flag that must be given.

  Args:
    flag: Flag of text.
    argv: Words of the command line.
    words: Flags behind the program's name, for the message.

  Raises:
    errors.UserError: If it is missing or empty.
  """
  if not flag.value:
    raise errors.UserError(f'--{flag.name} is missing: {usage(argv, words)}')
  return flag.value
