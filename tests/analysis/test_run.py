"""Runs read back: finished, under way, killed, or none at all."""

import pytest

from distbelief import errors
from distbelief.analysis.run import Run
from tests.analysis import made_up_run


def test_a_finished_run_lacks_nothing_but_what_was_not_sampled(tmp_path):
  made = made_up_run.downpour([0.1, 0.1], 20)
  rows = [(1.0, 20, 1280, 20, 2.0, 1.9, 0.2)]
  run = Run(made_up_run.write(tmp_path / 'run', made, rows))
  assert run.missing() == ['no samples of where the replicas were']
  assert (run.name, run.num_replicas, run.num_shards) == ('run', 2, 1)
  assert len(run.pushes) == len(run.last_launch) == 20


def test_one_under_way_says_what_it_lacks(tmp_path):
  made = made_up_run.downpour([0.1, 0.1], 20)
  run = Run(made_up_run.write(tmp_path / 'run', made, finished=False))
  assert run.summary is None
  assert [text.split(':')[0] for text in run.missing()] == [
    *('not finished', 'no evaluation yet', 'no samples of where the replicas were')
  ]


def test_one_that_was_not_to_be_recorded_says_so(tmp_path):
  made = made_up_run.blank(1, 1)
  fields = {'telemetry.records': False}
  workdir = made_up_run.write(tmp_path / 'run', made, **fields)
  path = workdir / 'steps' / '000.bin'
  path.write_bytes(path.read_bytes()[:4096])
  assert any(
    'config.telemetry.records is False' in text for text in Run(workdir).missing()
  )


@pytest.mark.parametrize('content', [None, 'no json', '[]', '{"seed": {"a": 1}}'])
def test_what_is_no_run_is_refused(tmp_path, content):
  if content is not None:
    (tmp_path / 'config.json').write_text(content)
  with pytest.raises(errors.UserError, match='holds no run'):
    Run(tmp_path)


def test_records_of_another_version_are_refused(tmp_path):
  workdir = made_up_run.write(tmp_path / 'run', made_up_run.downpour([0.1], 5))
  path = workdir / 'steps' / '000.bin'
  path.write_bytes(path.read_bytes().replace(b'"format": 3', b'"format": 1', 1))
  with pytest.raises(errors.UserError, match='has format 1, not 3 or 2'):
    _ = Run(workdir).records
