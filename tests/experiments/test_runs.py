"""Runs of an experiment: what the user sees when one fails."""

import pytest

from distbelief import config as config_lib
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


def test_a_run_with_other_fields_is_not_taken_for_it(tmp_path, monkeypatch):
  """Some may be changed when a run is resumed, but then it is another measurement."""
  config = ROOT / 'configs' / 'quickstart.py'
  found = runs.load(config, {'cluster.num_replicas': 3})
  (tmp_path / 'config.json').write_text(config_lib.to_json(found))
  monkeypatch.setattr(run, 'train', lambda *args, **more: {})
  assert runs.finish(config, tmp_path, {'cluster.num_replicas': 3}) == {}
  with pytest.raises(errors.UserError, match=r'another cluster\.num_replicas'):
    runs.finish(config, tmp_path, {})
