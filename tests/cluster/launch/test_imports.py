"""Imports in a process that is then forked."""

import gc
import sys

import pytest

from distbelief.cluster.launch import imports


@pytest.fixture(autouse=True)
def thawed():
  yield
  gc.unfreeze()


def test_what_is_named_is_imported_and_never_searched_again():
  frozen = gc.get_freeze_count()
  found = imports.resolve(['json', 'json:dumps'])
  assert found == [__import__('json'), __import__('json').dumps]
  assert gc.get_freeze_count() > frozen and gc.isenabled()


def test_keras_may_not_import_matplotlib_meanwhile_but_anybody_may_later(
  monkeypatch, tmp_path
):
  monkeypatch.delitem(sys.modules, 'matplotlib', raising=False)
  (tmp_path / 'draws.py').write_text(
    'try:\n  import matplotlib\nexcept ImportError:\n  matplotlib = None\n'
  )
  monkeypatch.syspath_prepend(tmp_path)
  assert imports.resolve(['draws'])[0].matplotlib is None
  assert 'matplotlib' not in sys.modules


def test_the_collector_works_again_after_a_failure():
  with pytest.raises(ModuleNotFoundError):
    imports.resolve(['no.such.module'])
  assert gc.isenabled()
