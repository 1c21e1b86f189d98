"""Errors of others, told in one line."""

import pytest
import tensorflow as tf

from distbelief import errors, user_code


def test_one_line_is_what_tells():
  error = ValueError(
    'Exception encountered when calling Dense.call().\n\n\x1b[1mbad\x1b[0m\n'
  )
  assert errors.one_line(error) == 'ValueError: bad'
  assert errors.one_line(KeyError()) == 'KeyError'


def test_a_sentence_is_told_to_its_end():
  error = NotImplementedError(
    '\nObject Net was created by passing\nnon-serializable argument values in '
    '`__init__()`,\nand must override `get_config()`.\nPlease do so.\n\nExample:'
  )
  told = errors.first_line(error)
  assert told.startswith('Object Net was created by passing non-serializable argument')
  assert told.endswith('must override `get_config()`.')
  assert errors.first_line(ValueError('a\n\nb')) == 'a'
  assert errors.first_line(ValueError('a b ' * 500)).endswith(' ...')


def test_why_keras_cannot_load_a_layer_is_told():
  error = TypeError(
    "<class 'Sequential'> could not be deserialized properly. Please ensure all.\n\n"
    "config={'layers': []}.\n\nException encountered: Could not locate class 'Twice'. "
    'Make sure that it is registered. Full object config: {}'
  )
  assert errors.one_line(error).startswith("TypeError: Could not locate class 'Twice'.")


def test_what_tensorflow_puts_before_an_error_is_left_out():
  error = tf.errors.NotFoundError(
    None,
    None,
    'Graph execution error:\n\nDetected at node cond/ReadFile defined at (most recent '
    'call last):\n  File "/a/windows.py", line 57, in _run\n\n  File "/my/data.py", '
    'line 12, in <lambda>\n\nDetected at node x defined at (most recent call last):\n'
    '<stack traces unavailable>\n{{function_node __inference_window_12}} '
    '/data/x; No such file or directory\n\t [[{{node cond/ReadFile}}]]',
  )
  assert errors.first_line(error) == '/data/x; No such file or directory'


def test_the_users_line_is_told(tmp_path):
  (tmp_path / 'fails.py').write_text('def build():\n  return 1 / 0\n')
  function = user_code.load_function('config.model.name', f'{tmp_path}/fails.py:build')
  with pytest.raises(ZeroDivisionError) as raised:
    function()
  assert (
    errors.one_line(raised.value) == 'ZeroDivisionError: division by zero (fails.py:2)'
  )
