"""Errors of others, told in one line."""

import pytest

from distbelief import errors, own


def test_one_line_is_what_tells():
  error = ValueError(
    'Exception encountered when calling Dense.call().\n\n\x1b[1mbad\x1b[0m\n'
  )
  assert errors.one_line(error) == 'ValueError: bad'
  assert errors.one_line(KeyError()) == 'KeyError'


def test_the_users_line_is_told(tmp_path):
  (tmp_path / 'fails.py').write_text('def build():\n  return 1 / 0\n')
  function = own.function('config.model.name', f'{tmp_path}/fails.py:build')
  with pytest.raises(ZeroDivisionError) as raised:
    function()
  assert (
    errors.one_line(raised.value) == 'ZeroDivisionError: division by zero (fails.py:2)'
  )
