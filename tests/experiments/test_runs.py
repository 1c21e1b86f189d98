"""Runs of an experiment: what the user sees when one fails."""

import pytest

from distbelief import errors, run
from distbelief.experiments import runs
from tests.runs import ROOT


def test_a_run_that_fails_ends_the_command_with_one_line(tmp_path, monkeypatch):
  def fail(config, workdir, clock):
    raise RuntimeError(f'training in {workdir} ended with status 134')

  monkeypatch.setattr(run, 'train', fail)
  with pytest.raises(errors.FailedRunError) as caught:
    runs.finish(ROOT / 'configs' / 'quickstart.py', tmp_path, {})
  assert str(caught.value).startswith(f'training in {tmp_path} ended with status 134: ')
  assert caught.value.status == errors.FAILED
