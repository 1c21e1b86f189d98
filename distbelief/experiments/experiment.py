"""An experiment: a question, its claims, and a function that runs it.

One file in `catalog` declares one experiment; `distbelief reproduce` runs any of them.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tabulate

from distbelief import errors
from distbelief.experiments import results


@dataclasses.dataclass(frozen=True)
class Result:
  """The result of an experiment.

  Attributes:
    fields: Numbers, as they are written to the JSON file.
    text: Text for the screen, usually a table.
    trained: Provenance of each run that the numbers rest on.
    pictures: PNG files by their suffix: '' lies beside the JSON file under its name.
    curves: CSV files likewise.
    page: Returns the text of the README.md beside them, given the keyword `command`;
      None: that is written by hand.
  """

  fields: Mapping[str, Any]
  text: str
  trained: Sequence[Mapping[str, Any]] = ()
  pictures: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
  curves: Mapping[str, str] = dataclasses.field(default_factory=dict)
  page: Callable[..., str] | None = None


@dataclasses.dataclass(frozen=True)
class Experiment:
  """An experiment of the catalog.

  Attributes:
    name: Name of its file in the catalog.
    question: Question in one sentence.
    claims: Claims, and the bounds by which they are judged.
    minutes: Duration on 2 cores that do nothing else.
    output: JSON file of its result, relative to the repository's root.
    run: Function of the directory of the runs; its options are keyword-only arguments
      with defaults.
    quick: Options of a small version, which only proves that it runs.
    shares: Experiment in whose directory the runs lie, since some are the same.
  """

  name: str
  question: str
  claims: str
  minutes: float
  output: str
  run: Callable[..., Result]
  quick: Mapping[str, Any]
  shares: str = ''

  def options(self) -> dict[str, Any]:
    """Returns the options with their defaults."""
    return {
      name: parameter.default
      for name, parameter in inspect.signature(self.run).parameters.items()
      if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def reproduce(
  chosen: Experiment,
  workdir: Path,
  output: Path,
  options: Mapping[str, Any],
  command: str,
) -> str:
  """Runs an experiment and writes its result.

  Args:
    chosen: Experiment to run.
    workdir: Directory of the runs; finished ones are not repeated.
    output: JSON file to write; pictures are written beside it.
    options: Options that differ from their defaults.
    command: Command that repeats it, for its page.

  Returns:
    Text of the result, for the screen.
  """
  found = chosen.run(workdir, **options)
  results.write(output, found.fields, found.trained)
  for suffix, picture in found.pictures.items():
    output.with_name(f'{output.stem}{suffix}.png').write_bytes(picture)
  for suffix, text in found.curves.items():
    output.with_name(f'{output.stem}{suffix}.csv').write_text(text)
  if found.page:  # The README of the folder only where that is the experiment's.
    own = output.resolve().parent.name == chosen.name
    name = 'README.md' if own else f'{output.stem}.md'
    output.with_name(name).write_text(found.page(command=command))
  return found.text


def parse_options(chosen: Experiment, words: Iterable[str]) -> dict[str, Any]:
  """Returns options given as NAME=VALUE, with values as Python writes them.

  Args:
    chosen: Experiment that has the options.
    words: Options, NAME=VALUE each.

  Raises:
    errors.UserError: If there is no such option, or its value is of another kind.
  """
  known, given = chosen.options(), {}
  for word in words:
    name, equals, text = word.partition('=')
    if not equals:
      raise errors.UserError(f'--option={word} has no value: write NAME=VALUE')
    if name not in known:
      close = difflib.get_close_matches(name, known, n=1)
      remedy = f'did you mean {close[0]}?' if close else f'it has {", ".join(known)}'
      raise errors.UserError(f'--option={word} is none of {chosen.name}: {remedy}')
    given[name] = _value(word, text, known[name])
  return given


def _value(word: str, text: str, default: Any) -> Any:
  """Returns a value of the default's type; an integer if that is None."""
  try:
    value = ast.literal_eval(text)
  except (SyntaxError, ValueError):
    value = text
  if isinstance(default, tuple):
    value = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    fits = bool(value) and {type(item) for item in value} <= {type(i) for i in default}
  else:
    fits = type(value) is (int if default is None else type(default)) and (
      bool(value) or not default
    )
  if not fits:
    raise errors.UserError(f'--option={word} cannot be: the default is {default!r}')
  return value


def table(experiments: Sequence[Experiment]) -> str:
  """Returns experiments as a table of names, questions, claims and minutes."""
  rows = [(e.name, e.question, e.claims, f'{e.minutes:g}') for e in experiments]
  return tabulate.tabulate(
    rows,
    ('experiment', 'question', 'claims', 'minutes'),
    tablefmt='simple',
    maxcolwidths=[None, 34, 34, None],
    colalign=('left', 'left', 'left', 'right'),
    disable_numparse=True,
  )
