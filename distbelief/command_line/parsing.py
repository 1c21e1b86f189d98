"""Flags of one program each: parsed, shown by --help, refused in one line."""

from __future__ import annotations

from absl import flags

from distbelief import errors


def usage(argv: list[str], words: str) -> str:
  """Returns how a program is used, called as it was.

  Args:
    argv: The program's words; the first one is 'distbelief COMMAND' or a script's path.
    words: The flags that follow.
  """
  name = argv[0]
  return f'{name if name.startswith("distbelief ") else f"python {name}"} {words}'


def parse(values: flags.FlagValues, argv: list[str], words: str) -> list[str] | None:
  """Parses a program's flags.

  Args:
    values: The flags, which get their values.
    argv: The program's words.
    words: The flags that --help shows behind the program's name.

  Returns:
    The words that are no flags; None if help was asked for, and shown.

  Raises:
    errors.UserError: If a flag is not known or its value cannot be.
  """
  define_help(values)
  try:
    rest = values(argv)[1:]
  except flags.Error as error:
    raise errors.UserError(str(error).strip().splitlines()[0]) from error
  return None if show_help(values, argv, words) else rest


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
    words: What `parse` returned.
    remedy: How it is to be written.
  """
  if words:
    raise errors.UserError(f'{words[0]!r} is not understood: {remedy}')


def required(flag: flags.FlagHolder, argv: list[str], words: str) -> str:
  """Returns the value of a flag that must be given.

  Args:
    flag: A flag of text.
    argv: The program's words.
    words: What follows the program's name, for the message.

  Raises:
    errors.UserError: If it was not, or is empty.
  """
  if not flag.value:
    raise errors.UserError(f'--{flag.name} is missing: {usage(argv, words)}')
  return flag.value
