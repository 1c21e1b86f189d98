"""Trying something in a child process."""

import os
import signal

import pytest

from distbelief import errors
from distbelief.cluster.launch import fork


def refuse():
  raise errors.ConfigError('config.seed', -1, 'must be at least 0')


def test_what_goes_well_leaves_nothing(tmp_path):
  before = os.getpid()
  fork.run_in_fork(lambda: (tmp_path / 'pid').write_text(str(os.getpid())))
  assert int((tmp_path / 'pid').read_text()) != before == os.getpid()
  with pytest.raises(ChildProcessError):
    os.waitpid(int((tmp_path / 'pid').read_text()), 0)


def test_a_users_error_comes_back_as_one():
  with pytest.raises(errors.UserError, match=r'^config\.seed \(-1\) must be') as caught:
    fork.run_in_fork(refuse)
  assert caught.value.status == errors.BAD_INPUT


def test_any_other_error_is_final_and_is_told(capfd):
  with pytest.raises(errors.UserError, match='status 1') as caught:
    fork.run_in_fork(lambda: 1 / 0)
  assert caught.value.status == errors.FAILED
  assert 'ZeroDivisionError' in capfd.readouterr().err


def test_who_is_killed_may_try_again():
  with pytest.raises(errors.UserError) as caught:
    fork.run_in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL))
  assert caught.value.status == errors.LOST_PEER
