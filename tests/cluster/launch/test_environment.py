"""What each task sees of its machine: GPUs, proxies, settings."""

import pytest

from distbelief import errors
from distbelief.cluster.launch import environment


@pytest.mark.parametrize('job', ['chief', 'ps'])
@pytest.mark.parametrize('device', ['auto', 'cpu', 'gpu'])
def test_chief_and_parameter_servers_see_no_gpu(job, device):
  assert environment.visible_gpus(job, 1, device, ['0', '1']) == '-1'


def test_worker_i_of_a_machine_sees_gpu_i_mod_n():
  def seen(device, gpus):
    return [environment.visible_gpus('worker', i, device, gpus) for i in range(5)]

  for device in ('auto', 'gpu'):
    assert seen(device, ['0', '1']) == ['0', '1', '0', '1', '0']
    assert seen(device, ['2', 'GPU-8932f937']) == ['2', 'GPU-8932f937'] * 2 + ['2']
  assert seen('cpu', ['0', '1']) == seen('auto', []) == ['-1'] * 5


def test_a_gpu_that_is_wanted_and_not_there_is_refused():
  with pytest.raises(errors.ConfigError, match=r"cluster.device \('gpu'\) needs a GPU"):
    environment.visible_gpus('worker', 0, 'gpu', [])


def test_the_machines_gpus_are_those_of_the_kernel_or_of_the_user(tmp_path):
  for name in ('nvidia10', 'nvidia2', 'nvidia0', 'nvidiactl', 'nvidia-uvm', 'null'):
    (tmp_path / name).touch()
  assert environment.gpus({}, tmp_path) == ['0', '2', '10']
  assert environment.gpus({'CUDA_VISIBLE_DEVICES': '1, 3'}, tmp_path) == ['1', '3']
  assert environment.gpus({'CUDA_VISIBLE_DEVICES': ''}, tmp_path) == []
  assert environment.gpus({'CUDA_VISIBLE_DEVICES': '-1'}, tmp_path) == []
  assert environment.gpus({'CUDA_VISIBLE_DEVICES': '0,-1,2'}, tmp_path) == ['0']
  assert environment.gpus({}, tmp_path / 'nowhere') == []


def test_settling_twice_changes_nothing():
  """A task begins again with its settings, and then must find them settled."""
  first = environment.visible_gpus('worker', 3, 'auto', ['0', '1'])
  gpus = environment.gpus({'CUDA_VISIBLE_DEVICES': first})
  assert environment.visible_gpus('worker', 3, 'auto', gpus) == first == '1'


def test_every_task_fails_fast_grows_its_gpu_memory_and_leaves_the_rest():
  found = environment.of_tasks({'HOME': '/home/me', 'TF_CPP_MIN_LOG_LEVEL': '3'})
  assert found['GRPC_FAIL_FAST'] == 'use_caller'
  assert found['TF_FORCE_GPU_ALLOW_GROWTH'] == 'true'
  assert found['HOME'] == '/home/me' and found['TF_CPP_MIN_LOG_LEVEL'] == '3'
  assert 'CUDA_VISIBLE_DEVICES' not in found
  assert environment.of_tasks(found) == found


def test_no_proxy_comes_between_the_tasks():
  found = environment.of_tasks({'no_proxy': 'x', 'http_proxy': 'p:1'}, ['b', 'a'])
  assert found['no_proxy'] == found['NO_PROXY'] == 'x,localhost,127.0.0.1,b,a'
