"""The page of an experiment's result, in the same form for all."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2

from distbelief.experiments import results, verdicts
from distbelief.experiments.experiment import Result
from distbelief.experiments.sweep import Sweep
from distbelief.experiments.verdicts import Judgement
from distbelief.telemetry import provenance


class Page(NamedTuple):
  """What an experiment says of itself; all in Markdown.

  Attributes:
    title: Title.
    question: Question, and why it is asked.
    source_numbers: Numbers of the source, and where they stand in it.
    caption: What the table and the picture show, with their units.
    deviations: Each way in which the experiment differs from its source.
  """

  title: str
  question: str
  source_numbers: str
  caption: str
  deviations: Sequence[str]


class Found(NamedTuple):
  """What an experiment found.

  Attributes:
    table: Table of its numbers, in Markdown.
    judged: Verdicts.
    picture: PNG.
    fields: Numbers for the JSON file, beside the verdicts.
    conclusion: What the verdicts support together, in Markdown; empty: nothing is said.
  """

  table: str
  judged: Sequence[Judgement]
  picture: bytes
  fields: Mapping[str, Any] = {}
  conclusion: str = ''


def of_sweep(
  name: str,
  page: Page,
  sweep: Sweep,
  seeds: Sequence[int],
  target: float | None,
  found: Found,
) -> Result:
  """Returns the result of an experiment that is a sweep.

  Args:
    name: Name of the experiment, and of its files.
    page: What it says of itself.
    sweep: Runs.
    seeds: Seeds.
    target: Hold-out accuracy to which times are compared; None: none are.
    found: What it found.
  """
  fields = {
    **({} if target is None else {'target': target}),
    'seeds': seeds,
    'methods': sweep.as_json(seeds, target),
    **found.fields,
  }
  minutes = round(sweep.processor_seconds / 60)
  effort = f'{minutes} minutes of processor time, '
  return _result(
    name,
    page,
    found._replace(fields=fields),
    sweep.provenance,
    len(seeds),
    effort,
    sweep.as_csv(),
  )


def of_runs(
  name: str,
  page: Page,
  trained: Sequence[Mapping[str, Any]],
  num_seeds: int,
  found: Found,
  curves: str,
) -> Result:
  """Returns the result of an experiment with runs on real clusters.

  Args:
    name: Name of the experiment, and of its files.
    page: What it says of itself.
    trained: Provenance of each run.
    num_seeds: Number of repetitions.
    found: What it found.
    curves: CSV file.
  """
  return _result(name, page, found, trained, num_seeds, '', curves)


def of_model(name: str, page: Page, found: Found) -> Result:
  """Returns the result of an experiment without runs.

  Args:
    name: Name of the experiment, and of its files.
    page: What it says of itself.
    found: What it found.
  """
  return _result(name, page, found, (), 0, '', '')


def _result(
  name: str,
  page: Page,
  found: Found,
  trained: Sequence[Mapping[str, Any]],
  num_seeds: int,
  effort: str,
  curves: str,
) -> Result:
  fields = {
    **found.fields,
    'verdicts': [judgement.as_json() for judgement in found.judged],
  }
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__, ''),
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
  )
  text = functools.partial(
    environment.get_template('page.md.jinja').render,
    page=page,
    rules=[verdicts.rules()[judgement.claim] for judgement in found.judged],
    table=found.table,
    picture=f'{name}.png',
    curves=f'{name}.csv' if curves else '',
    file=f'{name}.json',
    verdicts=found.judged,
    conclusion=found.conclusion,
    seeds=num_seeds,
    provenance=_sentence(trained, effort),
  )
  lines = [found.table, '', *(f'{j.claim}: {j.verdict} ({j.why})' for j in found.judged)]
  return Result(
    fields,
    '\n'.join(lines),
    trained,
    {'': found.picture},
    {'': curves} if curves else {},
    text,
  )


def _sentence(trained: Sequence[Mapping[str, Any]], effort: str) -> str:
  """Returns which code made the numbers, when, and on what."""
  if trained:
    all_of_it = results.distinct(trained)
    runs = f'{sum(one["runs"] for one in all_of_it)} runs, {effort}begun on '
    begun = runs + min(one['first'] for one in all_of_it)[:10]
  else:
    here = provenance.Invocation.of_this_process()
    all_of_it = [provenance.collect(here)]
    begun = f'Computed on {all_of_it[0]["started"][:10]}'
  commits = dict.fromkeys(_commit(one['git']) for one in all_of_it)
  machine, packages = all_of_it[-1], all_of_it[-1]['packages']
  return (
    f'{begun}, by the code of commit {", ".join(commits)} on {machine["processors"]} x '
    f'{machine["processor"]}, TensorFlow {packages["tensorflow"]}, Keras '
    f'{packages["keras"]}.'
  )


def _commit(git: Mapping[str, Any] | None) -> str:
  if git is None:
    return 'unknown'
  return git['commit'][:10] + ('' if git['clean'] else ' (changed)')
