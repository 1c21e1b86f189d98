"""A copy of the package with more files in it, and programs that use it."""

import pathlib
import shutil
import subprocess
import sys

import distbelief

PACKAGE = pathlib.Path(distbelief.__file__).parent
SOURCES = sorted(
  path
  for folder in (PACKAGE, PACKAGE.parent / 'scripts')
  for path in folder.rglob('*.py')
)


def of_package(folder, files):
  """Makes a copy with more files, by path in the package; returns its place."""
  ignored = shutil.ignore_patterns('__pycache__')
  shutil.copytree(PACKAGE, folder / 'distbelief', ignore=ignored)
  for path, text in files.items():
    (folder / 'distbelief' / path).write_text(text)
  return folder


def run_python(program, place, *words):
  """Runs a program that imports the package from there; returns what came of it."""
  return subprocess.run(
    [sys.executable, '-c', program, *map(str, words)],
    capture_output=True,
    text=True,
    env={'PYTHONPATH': str(place), 'PATH': ''},
    cwd=place,
  )
