import pytest


@pytest.fixture
def workdir(tmp_path):
  """A run's directory, still empty."""
  path = tmp_path / 'my_run'
  path.mkdir()
  return path
