import pytest

from tests import in_process


@pytest.fixture(scope='session')
def cluster():
  """(strategy, coordinator) of 4 workers and 3 ps tasks in this process."""
  return in_process.connect(num_workers=4, num_ps=3)
